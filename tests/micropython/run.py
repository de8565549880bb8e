"""Run test functions inside MicroPython: `run.py ROOT MODULE...`, the last one with the tests.

The others are what it imports, dependencies first: imports of sources that nest ten deep exceed
the interpreter's stack. Each line of input names a function. Each answer is one line, `@result `
and JSON: `[name, traceback or null]`. Whatever else is printed comes from the tests.
"""

import gc
import io
import json
import sys


def failure(function):
    """Return the traceback of `function()`, or None if it returns."""
    try:
        function()
    except Exception as error:
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    return None


def main(root, module_names):
    sys.path[0] = root
    for name in module_names:
        module = __import__(name, None, None, ("*",))
    for line in sys.stdin:
        name = line.strip()
        gc.collect()
        detail = failure(getattr(module, name))
        print("@result " + json.dumps([name, detail]))


main(sys.argv[1], sys.argv[2:])
