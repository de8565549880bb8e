"""Journal, our object 42800: which readings the node has numbered, and what it lost."""

from firmware.lwm2m_object import LwM2MObject
from firmware.reading_queue import render_dropped, render_ranges

BOOT, RANGES, OLDEST, DROPPED = range(4)


class Journal(LwM2MObject):
    """Object 42800 over the node's firmware.reading_queue.ReadingQueue.

    Resource 1 holds the ranges of the pack sent last. Resource 2 is the next number where
    nothing waits.
    """

    object_id = 42800

    def __init__(self, queue, reporting):
        self._queue = queue
        self._reporting = reporting

    def resource_ids(self, instance_id):
        return (BOOT, RANGES, OLDEST, DROPPED)

    def read(self, instance_id, resource_id):
        if resource_id == BOOT:
            return self._queue.boot
        if resource_id == RANGES:
            return render_ranges(self._reporting.last_sequences)
        if resource_id == OLDEST:
            return self._queue.oldest_sequence()
        return render_dropped(self._queue.dropped)
