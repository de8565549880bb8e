"""Code that a node's heap holds only while it is used: see tools/link_image.py.

An image's seldom used functions are in small modules of their own. They are imported when
something of them is called, and stay for as long as there is room: what has room for all of them
reads each once.
"""

import gc
import sys

# Below this, what is not running is forgotten. A call's own needs, and a datagram, want room that
# hangs together, of which there is much less.
ROOM_MIN = 12288
# To ask for the room takes time: after so many uses, and before each import.
USES_MAX = 32


class Overlays:
    """The modules of seldom used code that are on the heap now."""

    def __init__(self):
        self._recent = {}
        # What was not used since the heap was short last: the first to go.
        self._older = {}
        self._uses = 0

    def module(self, name):
        """Return the module `name`."""
        module = self._recent.get(name)
        self._uses += 1
        if module is None or self._uses > USES_MAX:
            self._make_room()
        if module is None:
            try:
                module = self._bring(name)
            except MemoryError:
                # All that is not running, and their tables with it.
                self.forget()
                self.forget()
                module = self._bring(name)
        return module

    def _make_room(self):
        self._uses = 0
        if gc.mem_free() < ROOM_MIN:
            gc.collect()
            if gc.mem_free() < ROOM_MIN:
                self.forget()

    def forget(self):
        """Forget what was not used of late; called again, all that is not running."""
        # Emptied, not replaced: the collector takes a stale word on the stack for a reference.
        self._older.clear()
        self._older, self._recent = self._recent, self._older
        gc.collect()

    def _bring(self, name):
        module = self._older.get(name)
        if module is None:
            module = __import__(name)
            # Else it would stay for ever.
            sys.modules.pop(name, None)
        self._recent[name] = module
        return module


overlays = Overlays()
overlay = overlays.module


class Overlaid:
    """A class whose seldom used methods are in overlays: each in one of its name, as a function
    with the name of the class; the constructor in one with the name of the class.
    """

    def __init__(self, *arguments, **named):
        overlay(type(self).__name__).construct(self, *arguments, **named)

    def __getattr__(self, name):
        try:
            function = getattr(overlay(name), type(self).__name__)
        except ImportError:
            raise AttributeError(name)
        return lambda *arguments, **named: function(self, *arguments, **named)
