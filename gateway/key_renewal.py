"""Replaces a context that may have been used elsewhere, at the node's first message under it.

The answer is protected under a context that only this gateway can have made: the same secret,
another ID Context (RFC 8613 3.3). It is bound to the node's request, so it cannot be replayed.
"""

from collections import Counter

from aiocoap import Message, oscore
from aiocoap.numbers import codes

from gateway.contexts import Contexts
from gateway.node_keys import ContextError
from gateway.security_context import SecurityContext
from protocol import oscore_option
from protocol.oscore_option import OscoreOption

ID_CONTEXT_BYTES = 8
INTERVAL_S = 10.0
"""Of one node: each renewal is a write, and ends the one before."""


class Renewals:
    """Makes the answers; one of a node in 10 s."""

    def __init__(self, contexts: Contexts, counters: Counter[str]) -> None:
        self._contexts = contexts
        self._counters = counters
        self._answered_s: dict[str, float] = {}

    async def respond(
        self,
        context: SecurityContext,
        request_id: oscore.RequestIdentifiers,
        is_newest: bool,
        now_s: float,
    ) -> Message | None:
        """Return the answer to an authentic request under a restored context, None for silence.

        What it is protected with is durable. Not `is_newest`: it may be a recording, which must
        not end the trial that the node is on. Raises StoreError.
        """
        endpoint = context.endpoint
        if not is_newest or now_s - self._answered_s.get(endpoint, -INTERVAL_S) < INTERVAL_S:
            self._counters["renewals withheld"] += 1
            return None
        self._answered_s[endpoint] = now_s
        renewed = context.credentials_of_node().renewed(self._contexts.random(ID_CONTEXT_BYTES))
        try:
            trial = await self._contexts.begin_trial(endpoint, renewed)
        except ContextError:
            return None
        self._counters["renewals"] += 1
        # The nonce of the request may have protected an answer of the other gateway.
        request_id.can_reuse_nonce = False
        response = trial.protect_response(Message(code=codes.UNAUTHORIZED), request_id)
        option = oscore_option.decode(response.opt.oscore)
        # Not protected, but the keys that verify the answer are made with it.
        response.opt.oscore = OscoreOption(option.piv, trial.id_context, None).encode()
        return response
