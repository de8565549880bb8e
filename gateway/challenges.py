"""Asks nodes for a request anew, to know that it is fresh (RFC 8613 B.1.2, RFC 9175).

Two requests are asked for anew: one whose number nobody can judge after an unclean stop, and one
that was seen before. The second may be a recording; or the answer to it was lost with the gateway
that got it. Only what is authentic is answered, and the answer is protected: a node that waits
sends its request under another number at once, and a recording is never acted on.
"""

from collections import Counter

from aiocoap import Message, oscore

from gateway.security_context import Replayed

PER_S_MAX = 8
"""Of one node and kind: each takes a sender number, and those are reserved on the disk."""


class Challenges:
    """Makes the answers, so many of a node in a second."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._of_second: dict[tuple[str, bool], tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._of_second)

    def respond(self, challenge: oscore.ReplayErrorWithEcho, now_s: float) -> Message | None:
        """Return the protected answer; None where there were too many of them."""
        is_replay = isinstance(challenge, Replayed)
        key, second = (challenge.secctx.endpoint, is_replay), int(now_s)
        of_second, count = self._of_second.pop(key, (second, 0))
        count = count + 1 if of_second == second else 1
        self._of_second[key] = (second, count)
        self._counters["replay"] += is_replay
        try:
            if count > PER_S_MAX:
                raise oscore.ContextUnavailable("challenged too often")
            response = challenge.to_message()
        except oscore.ContextUnavailable:
            self._counters["challenges withheld"] += 1
            return None
        self._counters["challenges"] += 1
        return response

    def forget(self, endpoint: str) -> None:
        """Forget a node."""
        for is_replay in (False, True):
            self._of_second.pop((endpoint, is_replay), None)

    def forget_all(self) -> None:
        """Begin anew with every node."""
        self._of_second.clear()
