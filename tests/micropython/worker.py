"""Call functions inside MicroPython: `worker.py ROOT`, then one call per line of input.

A call is `[imports, module, function, arguments]` in the notation of `values`, `imports` what to
import before, one by one; each answer is one line,
`@result ` and `("value", what it returned)` or `("error", the exception's class name, its text)`.
"""

import sys

sys.path[0] = sys.argv[1]

from tests.micropython import values


def outcome(imports, module_name, function_name, arguments):
    """Return what calling the function gives, as a tuple that crosses to the host."""
    for name in imports:
        __import__(name)
    module = __import__(module_name, None, None, (function_name,))
    try:
        return ("value", getattr(module, function_name)(*arguments))
    except Exception as error:
        return ("error", type(error).__name__, str(error))


for line in sys.stdin:
    print("@result " + values.dumps(outcome(*values.loads(line))))
