"""What the gateway shares with one node: a context in force, and perhaps one on trial."""

from dataclasses import dataclass

from gateway.rows import ContextState
from gateway.security_context import SecurityContext


class ContextError(Exception):
    """The keys of a node cannot be changed like that; the text says why, and no secret."""


@dataclass(frozen=True, slots=True)
class ContextRow:
    """A context as people see it; `kid` is the node's sender id."""

    endpoint: str
    kid: bytes
    id_context: bytes | None
    state: ContextState
    created_ms: int
    used_ms: int  # 0: never


class NodeKeys:
    """The contexts of one node; `active` is the one that it used last.

    `spares` were restored beside `current`: which of them the node has, its next proof tells.
    """

    def __init__(self, endpoint: str, kid: bytes) -> None:
        self.endpoint = endpoint
        self.kid = kid
        self.current: SecurityContext | None = None
        self.trial: SecurityContext | None = None
        self.spares: list[SecurityContext] = []
        self.active: SecurityContext | None = None

    @property
    def is_revoked(self) -> bool:
        """Return whether nothing is accepted of the node."""
        return self.current is not None and self.current.state is ContextState.REVOKED

    @property
    def is_renewed(self) -> bool:
        """Return whether its context was made from one that another gateway may hold too."""
        current = self.current
        return current.state is ContextState.CURRENT and current.id_context is not None

    @property
    def contexts(self) -> list[SecurityContext]:
        """Return its contexts, the one in use first."""
        return sorted(self.all, key=lambda each: each is not self.active)

    @property
    def all(self) -> list[SecurityContext]:
        """Return its contexts, that in force first."""
        found = (self.current, self.trial, *self.spares)
        return [each for each in found if each is not None]

    def place(self, context: SecurityContext) -> None:
        """Take one more context; the oldest comes first."""
        if self.current is None:
            self.current = context
        elif context.state is ContextState.RESTORED:
            self.spares.append(context)
        else:
            self.trial = context
            if context.used_ms and context.state is ContextState.TRIAL:
                self.active = context
        self.active = self.active or self.current

    def choose(self) -> None:
        """Put the restored context that the node used last in force."""
        if self.active in self.spares:
            self.spares[self.spares.index(self.active)] = self.current
            self.current = self.active

    def is_newest(self, context: SecurityContext, number: int) -> bool:
        """Return whether the node has sent nothing after its request `number` under `context`.

        A node gives its numbers in order, whatever the context; one that gives them by context
        is told apart by a trial's window, which knows of every message from the first one on.
        """
        if context.state is ContextState.TRIAL:
            return True
        others = [each for each in self.contexts if each is not context]
        return (number >= context.recipient_replay_window.greatest
                and all(number > each.recipient_replay_window.greatest for each in others))
