"""An endpoint that also observes (RFC 7641 section 3). Nodes leave it out: they are observed."""

from protocol import coap_message as coap
from protocol.coap_client import Client
from protocol.coap_endpoint import Endpoint
from protocol.coap_values import NotificationReceived, Request

EVENTS_MAX = 32
# After this a notification is newer whatever its number says (RFC 7641 3.4).
FRESHNESS_MS = 128000


class _Observation:
    """What a peer has promised to keep telling us."""

    def __init__(self, token):
        self.token = token
        self.sequence = 0
        self.sequence_ms = 0
        self.is_answered = False


class ObservingEndpoint(Endpoint):
    """An Endpoint whose requests may have `observe=0`.

    If the response has `observe` not None, NotificationReceived events follow under its handle,
    until RequestFailed, a response without `observe` or with an error code, or a cancellation.
    """

    def __init__(self, *arguments, **named):
        Endpoint.__init__(self, *arguments, **named)
        self._observed = {}
        self._ending = []

    def cancel(self, handle):
        """Forget a request or an observation; the next notification is rejected."""
        self._observed.pop(handle, None)
        if handle in self._ending:
            self._ending.remove(handle)
        Client.cancel(self, handle)

    def cancel_observation(self, handle, now_ms):
        """Ask the peer to end an observation (RFC 7641 3.6); nothing more is heard of it."""
        observation = self._observed.pop(handle, None)
        if observation is None:
            self.cancel(handle)
            return
        pending = self._pending[handle]
        self._layer.cancel(pending.peer, pending.token, True)
        old = pending.request
        pending.request = Request(
            old.code,
            old.path,
            old.queries,
            old.payload,
            old.content_format,
            old.accept,
            1,
            old.is_confirmable,
            old.options,
        )
        pending.offset = 0
        pending.response = None
        pending.token = None
        self._ending.append(handle)
        self._send_body(pending, now_ms, observation.token)

    def _find_pending(self, peer, token):
        pending = Client._find_pending(self, peer, token)
        if pending is None:
            for handle in self._observed:
                if self._observed[handle].token == token and self._pending[handle].peer == peer:
                    return self._pending[handle]
        return pending

    def _fail(self, pending, reason):
        if pending.handle in self._ending:
            self.cancel(pending.handle)
        else:
            Client._fail(self, pending, reason)

    def _take_response(self, pending, message, options, now_ms):
        observation = self._observed.get(pending.handle)
        observe = coap.uint_option(options, coap.OBSERVE)
        is_observed = observe is not None and coap.is_success(message.code)
        if observation is None and pending.request.observe == 0 and is_observed:
            observation = _Observation(message.token)
            self._observed[pending.handle] = observation
        elif observation is None or observation.token != message.token:
            Client._take_response(self, pending, message, options, now_ms)
            return
        elif not is_observed:
            observation.token = None
        elif not _is_newer(observation, observe, now_ms):
            self._layer.count("stale notification")
            return
        observation.sequence = observe
        observation.sequence_ms = now_ms
        # Whatever was gathered for an older notification is out of date.
        if pending.token != message.token:
            self._layer.cancel(pending.peer, pending.token, True)
        pending.response = None
        self._gather(pending, message, options, now_ms)

    def _finish(self, pending, response, now_ms):
        observation = self._observed.get(pending.handle)
        if pending.handle in self._ending:
            self.cancel(pending.handle)
        elif observation is None:
            Client._finish(self, pending, response, now_ms)
        else:
            self._finish_notification(pending, observation, response, now_ms)

    def _finish_notification(self, pending, observation, response, now_ms):
        if not observation.is_answered:
            Client._finish(self, pending, response, now_ms)
        else:
            del self._pending[pending.handle]
            if len(self._events) < EVENTS_MAX:
                self._events.append(NotificationReceived(pending.handle, response))
            else:
                self._layer.count("events full")
        observation.is_answered = True
        pending.token = None
        pending.deadline_ms = None
        if observation.token is None:
            del self._observed[pending.handle]
        else:
            self._pending[pending.handle] = pending


def _is_newer(observation, sequence, now_ms):
    """RFC 7641 3.4: the number is ahead by less than half its range, or time has passed."""
    ahead = sequence - observation.sequence & 0xFFFFFF
    return 0 < ahead < 1 << 23 or now_ms - observation.sequence_ms > FRESHNESS_MS
