"""One node at a time on a state folder: a second would use the first one's numbers once more."""

LOCK = "/.lock"
# flock(2) on Linux.
_EXCLUSIVE_AT_ONCE = 2 | 4

try:
    from fcntl import flock
except ImportError:
    # MicroPython has no fcntl, and its open() no "x"; the C library is there all the same.
    import ffi

    flock = ffi.open(None).func("i", "flock", "ii")


def hold(folder):
    """Return an open file that holds `folder`; the kernel lets go when the process ends.

    None if another process has it, or if it is on a file system that cannot lock. Raises OSError.
    """
    file = open(folder.rstrip("/") + LOCK, "ab")
    try:
        # CPython's gives None, or raises; the C library's gives 0, or -1.
        is_held = not flock(file.fileno(), _EXCLUSIVE_AT_ONCE)
    except OSError:
        is_held = False
    if is_held:
        return file
    file.close()
    return None
