"""Journal, our object 42800: which readings the node has numbered, and what it lost."""

from firmware import losses
from firmware.lwm2m_object import LwM2MObject

BOOT, RANGES, OLDEST, DROPPED, LAST, OLDEST_BOOT = range(6)


class JournalObject(LwM2MObject):
    """Object 42800 over the node's firmware.journal.Journal.

    It tells of this boot, resource 1 of the pack sent last. Resource 2 is the next number where
    nothing waits. A boot whose number is not durable gives none: it is 0.
    """

    object_id = 42800

    def __init__(self, journal, reporting):
        self._journal = journal
        self._reporting = reporting

    def resource_ids(self, instance_id):
        return (BOOT, RANGES, OLDEST, DROPPED, LAST, OLDEST_BOOT)

    def read(self, instance_id, resource_id):
        journal = self._journal
        boot = journal.boot or 0
        if resource_id == RANGES:
            return losses.render_sequences(self._reporting.last_sequences)
        if resource_id == OLDEST:
            return journal.oldest_sequence(boot)
        if resource_id == DROPPED:
            return losses.render(journal.losses.of_boot(boot))
        if resource_id == LAST:
            return journal.last_sequence(boot)
        return boot if resource_id == BOOT else journal.oldest_boot()
