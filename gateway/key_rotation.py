"""Gives nodes new secrets without a visit: object 42802, and what must follow (LwM2M Write)."""

import logging
from collections import Counter
from collections.abc import Callable

from gateway.coap_content import Path
from gateway.contexts import WAITING, WRITTEN, Contexts
from gateway.node_keys import ContextError, NodeKeys
from gateway.operations import IMPOSSIBLE, NO_ANSWER, Operation, OperationFailed, Operations
from gateway.rows import ContextState
from gateway.sessions import Session
from gateway.store import StoreError
from protocol import credentials

NEW_CONTEXT: Path = (42802, 0, 0)
MANUFACTURER: Path = (3, 0, 0)
TRIAL_MS_MAX = 15 * 60_000
"""So long a node may take to use new keys; it gives up after a third of that."""
RETRY_MS = 60_000
"""After a rotation that has failed the next one of the same node waits so long."""

log = logging.getLogger("gateway.keys")


class Rotations:
    """Writes new secrets to nodes that listen, and has each trial end.

    A context that was renewed shares its secret with the gateway it came from: such a node gets
    another one by itself.
    """

    def __init__(
        self, contexts: Contexts, operations: Operations, now_ms: Callable[[], int]
    ) -> None:
        self._contexts = contexts
        self._operations = operations
        self._now_ms = now_ms
        self._tried_ms: dict[str, int] = {}  # of rotations that nobody asked for
        self._trials_ms: dict[str, tuple[int, int]] = {}  # by endpoint: (serial, since when)
        self.counters: Counter[str] = Counter()

    def is_due(self, session: Session) -> bool:
        """Return whether there is something to say to the node."""
        node = self._contexts.node(session.endpoint)
        if node is None:
            return False
        is_waiting = self._contexts.rotations.get(session.endpoint) == WAITING
        return is_waiting or _is_unconfirmed(node) or self._is_to_begin(node)

    async def serve(self, session: Session) -> None:
        """Do what is due. Raises OperationFailed, StoreError."""
        endpoint = session.endpoint
        node = self._contexts.node(endpoint)
        if node is None:
            return
        if _is_unconfirmed(node):
            # Whatever the node answers proves that it has the new keys.
            await self._operations.perform(endpoint, Operation("read", MANUFACTURER))
        if self._is_to_begin(node):
            self._tried_ms[endpoint] = self._now_ms()
            await self._begin(endpoint)
        if self._contexts.rotations.get(endpoint) == WAITING and node.trial is not None:
            await self._write(endpoint, node)

    async def expire(self) -> None:
        """End the trials that their nodes have not taken up, or have left again."""
        for endpoint in list(self._contexts.on_trial()):
            node = self._contexts.node(endpoint)
            if node is None or self._contexts.rotations.get(endpoint) == WAITING:
                continue
            is_over = self._age_ms(node) >= TRIAL_MS_MAX
            # One that the node has used it may have made its only one.
            if is_over and node.active is node.current:
                await self._fail(endpoint, "the node did not use the new keys in time")

    def _age_ms(self, node: NodeKeys) -> int:
        serial, since_ms = self._trials_ms.get(node.endpoint, (None, 0))
        if serial != node.trial.serial:
            since_ms = self._now_ms()
            self._trials_ms[node.endpoint] = node.trial.serial, since_ms
        return self._now_ms() - since_ms

    async def _begin(self, endpoint: str) -> None:
        try:
            await self._contexts.rotate(endpoint)
        except ContextError as failure:
            log.info("%s", failure)

    async def _write(self, endpoint: str, node: NodeKeys) -> None:
        new = credentials.encode(node.trial.credentials_of_node())
        try:
            operation = Operation("write", NEW_CONTEXT, value=new)
            self._contexts.rotations[endpoint] = WRITTEN
            result = await self._operations.perform(endpoint, operation)
        except OperationFailed as failure:
            # Never a second time: a node that has it may have used its numbers.
            if failure.reason == IMPOSSIBLE:
                await self._fail(endpoint, str(failure))
            elif failure.reason != NO_ANSWER:
                self._contexts.rotations[endpoint] = WAITING
            raise
        if not result.is_success:
            await self._fail(endpoint, f"{result.code} {result.detail}")

    async def _fail(self, endpoint: str, why: str) -> None:
        self.counters["failed"] += 1
        log.warning("%r keeps its keys: %s", endpoint, why)
        try:
            await self._contexts.fail_trial(endpoint)
        except StoreError as error:
            log.warning("that is not stored: %s", error)

    def _is_to_begin(self, node: NodeKeys) -> bool:
        tried_ms = self._tried_ms.get(node.endpoint)
        is_time = tried_ms is None or self._now_ms() - tried_ms >= RETRY_MS
        return node.is_renewed and node.trial is None and is_time


def _is_unconfirmed(node: NodeKeys) -> bool:
    trial = node.trial
    return trial is not None and node.active is trial and trial.state is ContextState.TRIAL
