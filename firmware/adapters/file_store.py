"""The node's durable store: one file per key in a folder, on littlefs or on a host's disk."""

import os

from firmware.hardware import STORE_ENTRY_MAX

NEW_SUFFIX = ".new"


class FileStore:
    """Keys are short ASCII names. A write goes to a new file, which then takes the old one's name:
    a reset at any instruction leaves the old value or the new one, never a part.

    littlefs writes through when a file is closed; where there is fsync or sync it is called.
    """

    def __init__(self, folder):
        self._folder = folder.rstrip("/")
        try:
            os.mkdir(self._folder)
        except OSError:
            # It is there; if it cannot be, the first write says so.
            pass

    def read(self, key):
        """Return the bytes of `key`, or None."""
        try:
            with open(self._path(key), "rb") as file:
                return file.read()
        except OSError:
            return None

    def write(self, key, data):
        """Replace the bytes of `key`; whole and durable when it returns. Raises OSError."""
        assert len(data) <= STORE_ENTRY_MAX
        path = self._path(key)
        with open(path + NEW_SUFFIX, "wb") as file:
            file.write(data)
            self._sync(file)
        os.rename(path + NEW_SUFFIX, path)
        self._sync_folder()

    def append(self, key, data):
        """Add to the bytes of `key`, which need not be there; durable when it returns.

        A power cut meanwhile may leave a part, on littlefs none. Raises OSError.
        """
        path = self._path(key)
        with open(path, "ab") as file:
            is_new = not file.tell()
            file.write(data)
            self._sync(file)
        if is_new:
            self._sync_folder()

    def keys(self, prefix):
        """Return the keys that begin with `prefix`, in any order."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        return [name for name in names
                if name.startswith(prefix) and not name.endswith(NEW_SUFFIX)]

    def remove(self, key):
        """Forget `key`, if it is there."""
        try:
            os.remove(self._path(key))
        except OSError:
            return
        self._sync_folder()

    def _sync(self, file):
        # Where a close writes through, a flush before it would erase a block more.
        if hasattr(os, "fsync"):
            file.flush()
            os.fsync(file.fileno())

    def _sync_folder(self):
        if hasattr(os, "fsync"):
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        elif hasattr(os, "sync"):
            os.sync()

    def _path(self, key):
        return self._folder + "/" + key
