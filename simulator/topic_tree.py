"""Which subscribers a topic has (MQTT 5 section 4.7), without a look at every subscription."""

from collections.abc import Hashable, Iterator

_HERE = ""  # the subscribers whose filter ends at a level
ONE, ALL = "+", "#"


class TopicTree:
    """Filters by level; subscribers come in the order of their filters' first subscription."""

    def __init__(self) -> None:
        self._root: dict = {}

    def add(self, topic_filter: str, subscriber: Hashable) -> None:
        """Have `subscriber` found by every topic that `topic_filter` matches."""
        branch = self._root
        for level in topic_filter.split("/"):
            branch = branch.setdefault((level,), {})
        branch.setdefault(_HERE, {})[subscriber] = None

    def find(self, topic: str) -> list[Hashable]:
        """Return the subscribers of `topic`, each as often as it has filters that match."""
        return [each for branch in self._branches(topic) for each in branch.get(_HERE, ())]

    def _branches(self, topic: str) -> Iterator[dict]:
        branches = [self._root]
        for level in topic.split("/"):
            yield from [branch[ALL,] for branch in branches if (ALL,) in branch]
            branches = [branch[key] for branch in branches for key in ((level,), (ONE,))
                        if key in branch]
        yield from branches
        # "a/#" is the parent's too.
        yield from [branch[ALL,] for branch in branches if (ALL,) in branch]
