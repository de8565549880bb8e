"""The nodes' security contexts: who has which, what is durable of them, how they change.

A node has one context in force and at most one on trial (docs/decisions, "Keys and contexts").
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from gateway.clock import Clock
from gateway.context_durability import LOW_WATER, SENDER_STEP, Durability
from gateway.node_keys import ContextError, ContextRow, NodeKeys
from gateway.rows import ContextState, Numbers, StoredContext
from gateway.security_context import ECHO_BYTES, SecurityContext, label_of
from gateway.store import Store, StoreError
from gateway.vault import Vault, VaultError
from protocol import credentials
from protocol.credentials import SALT_LENGTH, SECRET_LENGTH, Credentials

WAITING, WRITTEN, DONE, FAILED = "waiting", "written", "done", "failed"
"""The states of a rotation: the node has yet to listen, to use the new keys; its end."""
COUNTERS_PER_PREFIX = 1 << 15
ID_COUNTER_BYTES = 2
MENDING_RETRY_S = 5.0

log = logging.getLogger("gateway.contexts")


class Contexts:
    """All contexts of the gateway, in memory and in the store.

    `id_prefix` (2 bytes) begins every id that is given out; other gateways have others.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        id_prefix: bytes = bytes(2),
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._random_bytes = random_bytes
        self._id_prefix = id_prefix
        self._by_kid: dict[bytes, NodeKeys] = {}
        self._by_endpoint: dict[str, NodeKeys] = {}
        self._last_serial = 0
        self._forgotten: set[int] = set()  # serials that the store may have still
        self._mending: asyncio.Future | None = None
        self._listeners: list[Callable[[str], None]] = []
        self._rotation_listeners: list[Callable[[str], None]] = []
        self.rotations: dict[str, str] = {}  # by endpoint: WAITING, WRITTEN, DONE or FAILED
        self.counters: Counter[str] = Counter()
        self._durability = Durability(store, clock, self.counters)

    def __len__(self) -> int:
        return len(self._by_kid)

    async def open(self) -> None:
        """Take over what the store has. Raises StoreError, and VaultError for a key that is not
        the one the contexts were sealed under."""
        rows = await self._store.begin_contexts(SENDER_STEP)
        for row in rows:
            self._place(self._loaded(row))
        if rows:
            newest = self._by_kid[rows[-1].kid].contexts[0]
            newest.credentials_of_node()
        self._last_serial = max((row.serial for row in rows), default=0)
        self._store.accompany(self._durability.companion)
        self._store.call_on_mended(self._mended)

    async def close(self) -> None:
        """Make what is known durable, as that of a gateway that stopped in order.

        Nothing may be received or sent any more.
        """
        await self._durability.close()
        if self._mending is not None:
            self._mending.cancel()
        rows = [self._row(each, is_settled=True) for node in self._by_kid.values()
                for each in node.contexts]
        if rows:
            try:
                await self._change(saved=rows)
            except StoreError as error:
                log.warning("the replay windows are not stored; every node is asked anew: %s",
                            error)

    # Looking up

    def find(self, kid: bytes, id_context: bytes | None) -> list[SecurityContext]:
        """Return the contexts that a request can be under, the likeliest first."""
        node = self._by_kid.get(kid)
        if node is None or node.is_revoked:
            return []
        return [each for each in node.contexts if each.id_context == id_context]

    def node(self, endpoint: str) -> NodeKeys | None:
        """Return what is shared with a node; None if nothing, or if it was revoked."""
        node = self._by_endpoint.get(endpoint)
        return None if node is None or node.is_revoked else node

    def is_revoked(self, endpoint: str) -> bool:
        """Return whether a node's keys were revoked."""
        return endpoint in self._by_endpoint and self._by_endpoint[endpoint].is_revoked

    def rows(self) -> list[ContextRow]:
        """Return every context, by endpoint name; without secrets."""
        nodes = sorted(self._by_kid.values(), key=lambda node: node.endpoint)
        return [
            ContextRow(each.endpoint, each.kid, each.id_context, each.state, each.created_ms,
                       each.used_ms)
            for node in nodes for each in node.all
        ]

    def credentials_of_node(self, endpoint: str) -> Credentials:
        """Return the secret of a node's context in use, as the node holds it, for an export.

        Raises ContextError, VaultError.
        """
        return self._existing(endpoint).contexts[0].credentials_of_node()

    def random(self, length: int) -> bytes:
        """Return random bytes."""
        return self._random_bytes(length)

    def on_trial(self) -> list[str]:
        """Return the nodes that have a context on trial."""
        return [each.endpoint for each in self._by_kid.values() if each.trial is not None]

    def allocate_ids(self) -> tuple[bytes, bytes]:
        """Return (sender id, recipient id) for a node's credentials, given to nobody else yet.

        Raises ContextError once all are given.
        """
        for number in range(COUNTERS_PER_PREFIX):
            kid = self._id_prefix + (2 * number).to_bytes(ID_COUNTER_BYTES, "big")
            if kid not in self._by_kid:
                return kid, kid[:-1] + bytes((kid[-1] | 1,))
        raise ContextError("all ids of this gateway's prefix are given")

    def used(self, context: SecurityContext, number: int) -> bool:
        """Note that a node used a context for its request `number`.

        From now on it is spoken to under that; False if it has sent something later. What was
        held back, or recorded, does not tell which context the node has now.
        """
        node = self._by_endpoint.get(context.endpoint)
        if node is None or context not in node.contexts or not node.is_newest(context, number):
            return False
        node.active = context
        return True

    # Changing

    def call_on_rotation(self, listener: Callable[[str], None]) -> None:
        """Have `listener(endpoint)` called when a new secret waits to be written to a node."""
        self._rotation_listeners.append(listener)

    def call_on_revoked(self, listener: Callable[[str], None]) -> None:
        """Have `listener(endpoint)` called when a node's keys are revoked or replaced."""
        self._listeners.append(listener)

    async def add(
        self,
        endpoint: str,
        credentials_of_node: Credentials,
        state: ContextState | str = ContextState.CURRENT,
    ) -> ContextRow:
        """Share a context with a node from now on; return once it is durable.

        "current": it was never used before. "restored": it may have been; it is replaced at the
        node's first message. What was revoked is replaced. Raises ContextError, StoreError.
        """
        [row] = await self.add_all([(endpoint, credentials_of_node)], state)
        return row

    async def add_all(
        self,
        added: Iterable[tuple[str, Credentials]],
        state: ContextState | str = ContextState.CURRENT,
    ) -> list[ContextRow]:
        """Share contexts with many nodes, all of them or none."""
        rows, replaced = [], []
        for endpoint, each in added:
            old = self._check_new(endpoint, each.sender_id)
            replaced += [context.serial for node in old for context in node.contexts]
            rows.append(self._new_row(endpoint, each, ContextState(state)))
        kids = {row.kid for row in rows}
        if len(kids) != len(rows) or len({row.endpoint for row in rows}) != len(rows):
            raise ContextError("a node or an id is there twice")
        await self._store.change_contexts(saved=rows, deleted=replaced)
        for row in rows:
            self._forget(row.endpoint)
            self.rotations.pop(row.endpoint, None)
            self._place(self._fresh(row))
        wanted = {row.endpoint for row in rows}
        return [row for row in self.rows() if row.endpoint in wanted]

    async def revoke(self, endpoint: str) -> None:
        """Accept nothing of a node any more. Raises ContextError, StoreError."""
        node = self._existing(endpoint)
        # Before it is durable: a store that fails must not keep anybody in.
        node.current.state = ContextState.REVOKED
        gone = [each.serial for each in node.all[1:]]
        node.trial, node.spares, node.active = None, [], node.current
        for listener in self._listeners:
            listener(endpoint)
        await self._change(
            states=[(node.current.serial, ContextState.REVOKED)], deleted=gone)

    async def rotate(self, endpoint: str) -> None:
        """Have a node get a new secret; return once that is durable here.

        What becomes of it stands in `rotations`. Raises ContextError where the node has keys
        that nothing can be sent under, StoreError.
        """
        node = self._existing(endpoint)
        if not node.active.may_protect:
            raise ContextError(f"the keys of {endpoint} are replaced when it is heard next")
        if node.trial is not None:
            raise ContextError(f"{endpoint} is being given new keys already")
        old = node.current.credentials_of_node()
        secret, salt = self._random_bytes(SECRET_LENGTH), self._random_bytes(SALT_LENGTH)
        self.rotations[endpoint] = WAITING
        try:
            await self.begin_trial(
                endpoint, Credentials(secret, salt, old.sender_id, old.recipient_id))
        except BaseException:
            del self.rotations[endpoint]
            raise
        self._tell_rotation(endpoint)

    def _tell_rotation(self, endpoint: str) -> None:
        for listener in self._rotation_listeners:
            listener(endpoint)

    async def begin_trial(self, endpoint: str, new: Credentials) -> SecurityContext:
        """Hold `new`, of the node's ids, beside the context in force; durable when it returns.

        A trial before it is dropped. Raises ContextError, StoreError.
        """
        node = self._existing(endpoint)
        node.choose()
        row = self._new_row(endpoint, new, ContextState.TRIAL)
        dropped = [] if node.trial is None else [node.trial.serial]
        # At once: an answer under it meanwhile would make it the node's only one.
        self._drop_trial(node)
        await self._change(saved=[row], deleted=dropped)
        if node.is_revoked or self._by_endpoint.get(endpoint) is not node:
            raise ContextError(f"{endpoint} was revoked meanwhile")
        self._place(self._fresh(row))
        return node.trial

    async def fail_trial(self, endpoint: str) -> None:
        """Drop a trial that the node never used, or has left. Raises StoreError."""
        node = self._by_endpoint.get(endpoint)
        if node is not None and node.trial is not None:
            serial = node.trial.serial
            self._drop_trial(node)
            if endpoint in self.rotations:
                self.rotations[endpoint] = FAILED
            await self._change(deleted=[serial])

    async def confirm_trial(self, proven: SecurityContext) -> None:
        """Put the trial that is `proven` in the place of the context in force, which is deleted.

        Raises StoreError; in memory it has happened even then.
        """
        endpoint = proven.endpoint
        node = self._by_endpoint.get(endpoint)
        if node is None or node.trial is not proven:
            return
        gone = [each for each in node.all if each is not proven]
        node.current, node.trial, node.spares, node.active = proven, None, [], proven
        proven.state = ContextState.CURRENT
        for each in gone:
            self._durability.forget(each)
        self.counters["trials confirmed"] += 1
        if endpoint in self.rotations:
            self.rotations[endpoint] = DONE
        if node.is_renewed:
            # Whoever has the backup has its secret, too: it gets another one at once.
            self._tell_rotation(endpoint)
        await self._change(
            states=[(proven.serial, ContextState.CURRENT)],
            deleted=[each.serial for each in gone])

    async def settle(self, context: SecurityContext, version: int) -> None:
        """Return once the window's first `version` changes are durable. Raises StoreError."""
        await self._durability.settle(context, version)

    async def _change(self, *, deleted: Sequence[int] = (), **changes: Sequence) -> None:
        """Change the store. What it would not delete is deleted with the next change."""
        self._forgotten.update(deleted)
        gone = tuple(self._forgotten)
        await self._store.change_contexts(deleted=gone, **changes)
        self._forgotten.difference_update(gone)

    def _mended(self) -> None:
        """Write everything anew: of what was salvaged nobody knows how old it is."""
        self._durability.is_paused = True
        self._mending = asyncio.ensure_future(self._mend())

    async def _mend(self) -> None:
        while True:
            rows = [self._row(each) for node in self._by_kid.values() for each in node.contexts]
            try:
                # What was reserved may have been lost; nothing above what is in memory was used.
                await self._change(saved=rows)
                break
            except StoreError as error:
                if error.reason == "closed":
                    return
                await asyncio.sleep(MENDING_RETRY_S)
        self._durability.is_paused = False

    # Rows and objects

    def _new_row(self, endpoint: str, new: Credentials, state: ContextState) -> StoredContext:
        self._last_serial += 1
        sealed = self._vault.seal(credentials.encode(new), label_of(new.sender_id, new.id_context))
        may_send = state in (ContextState.CURRENT, ContextState.TRIAL)
        return StoredContext(
            self._last_serial, new.sender_id, new.id_context, endpoint, state, sealed,
            self._clock.unix_ms(), Numbers(SENDER_STEP if may_send else 0))

    def _row(self, context: SecurityContext, is_settled: bool = False) -> StoredContext:
        window = context.recipient_replay_window
        is_complete = is_settled and window.is_initialized() and context.may_protect
        numbers = Numbers(context.sender_limit, window.stored(), is_complete, context.used_ms)
        return StoredContext(
            context.serial, context.kid, context.id_context, context.endpoint, context.state,
            context.sealed, context.created_ms, numbers)

    def _context(self, row: StoredContext) -> SecurityContext:
        echo = self._random_bytes(ECHO_BYTES)
        return SecurityContext(
            row, self._vault, echo, self._durability.changed, self._durability.want_numbers,
            LOW_WATER)

    def _loaded(self, row: StoredContext) -> SecurityContext:
        """Return a context from before this start; `open` has reserved numbers for it."""
        context = self._context(row)
        # Of a restored one the window only tells what was seen before, and that is enough.
        is_complete = row.numbers.is_settled or row.state is ContextState.RESTORED
        context.recipient_replay_window.load(row.numbers.window, is_complete)
        if context.may_protect:
            context.sender_limit += SENDER_STEP
        return context

    def _fresh(self, row: StoredContext) -> SecurityContext:
        """Return a context that nobody has used before."""
        context = self._context(replace(row, numbers=Numbers()))
        context.sender_limit = row.numbers.sender_limit
        context.recipient_replay_window.load(None, is_complete=True)
        return context

    def _place(self, context: SecurityContext) -> None:
        node = self._by_kid.get(context.kid)
        if node is None:
            node = self._by_kid[context.kid] = NodeKeys(context.endpoint, context.kid)
            self._by_endpoint[context.endpoint] = node
        node.place(context)

    def _drop_trial(self, node: NodeKeys) -> None:
        self._durability.forget(node.trial)
        node.trial, node.active = None, node.current

    def _forget(self, endpoint: str) -> None:
        node = self._by_endpoint.pop(endpoint, None)
        if node is not None:
            del self._by_kid[node.kid]

    def _existing(self, endpoint: str) -> NodeKeys:
        node = self.node(endpoint)
        if node is None:
            raise ContextError(f"{endpoint} has no keys")
        return node

    def _check_new(self, endpoint: str, kid: bytes) -> list[NodeKeys]:
        """Return what a new context replaces. Raises ContextError."""
        known, holder = self._by_endpoint.get(endpoint), self._by_kid.get(kid)
        if known is not None and not known.is_revoked:
            raise ContextError(f"{endpoint} has keys already")
        if holder is not None and holder is not known:
            raise ContextError(f"the id {kid.hex()} is another node's")
        return [] if known is None else [known]


__all__ = ["ContextError", "ContextRow", "Contexts", "NodeKeys", "VaultError"]
