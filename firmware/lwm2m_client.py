"""The registration interface of an LwM2M 1.1 client as a state machine (OMA Core 6.2)."""

from firmware.discovery import registration_links
from firmware.jitter import below
from protocol import coap_message as coap
from protocol import link_format
from protocol.coap_values import Request
from protocol.lwm2m_content import LINK_FORMAT

# An Update goes out so long before the lifetime ends that it can be retransmitted to the last
# (MAX_TRANSMIT_WAIT, RFC 7252 4.8.2), where the lifetime allows.
UPDATE_MARGIN_MS = 93000
SHUTDOWN_WAIT_MS = 5000
BUSY_WAIT_MS = 10000
RETRY_EXPONENT_MAX = 16
# Whatever a server has written: a Register that was refused is not repeated sooner.
RETRY_MS_MIN = 1000

IDLE, WAITING, REGISTERING, REGISTERED, LEAVING, DISABLED, STOPPED = range(7)


class Registered:
    """Event: the server took the registration; `location` is its path."""

    _fields = ("location",)

    def __init__(self, location):
        self.location = location


class RegistrationLost:
    """Event: the registration is no more; `reason` is a response code's text or a word."""

    _fields = ("reason",)

    def __init__(self, reason):
        self.reason = reason


class RegistrationRefused:
    """Event: the server refused or did not answer a Register; the next try is in `delay_ms`."""

    _fields = ("reason", "delay_ms")

    def __init__(self, reason, delay_ms):
        self.reason = reason
        self.delay_ms = delay_ms


class Stopped:
    """Event: the node has said goodbye and does nothing any more."""

    _fields = ()


class Client:
    """Registers, keeps the registration alive, takes leave.

    `server` is the node's firmware.objects.server.Server: lifetime, binding, retry values and
    what was asked of it. `peer` is that server's address, `events` a list that takes the
    client's events.
    """

    def __init__(self, endpoint_name, server, model, endpoint, peer, random_bytes,
                 awake_window_ms, events):
        self._name = endpoint_name
        self._server = server
        self._model = model
        self._endpoint = endpoint
        self._peer = peer
        self._random_bytes = random_bytes
        self._awake_window_ms = awake_window_ms
        self._events = events
        self.state = IDLE
        self.location = None
        self.handle = None
        self._due_ms = None
        self.awake_until_ms = 0
        self._failures = 0
        # A root link with a format that it does not know is refused by many a server.
        self._has_root = True
        self._is_update_wanted = False
        self._announced = None
        # Lifetime, binding and object list of the request under way.
        self._offered = None
        self._is_disabling = False
        # A server that has no time is asked nothing before.
        self._busy_until_ms = 0

    def start(self, now_ms, spread_ms):
        """Register after a random part of `spread_ms`."""
        self._wait(now_ms + below(self._random_bytes, spread_ms))

    def shutdown(self, now_ms):
        """De-register, as far as the server answers soon; then comes the event Stopped."""
        self._forget_request()
        if self.location is None:
            self._stop()
        else:
            self._leave(False, now_ms)

    def reregister(self, now_ms, reason):
        """Register anew: the server does not know us, or our address is another one."""
        if self.state == REGISTERED:
            self._forget_request()
            self._lose(reason)
            self._wait(now_ms)

    def begin_anew(self, now_ms, reason):
        """Register anew: what is under way will not be answered, or not to what we are now."""
        self.reregister(now_ms, reason)
        if self.state == REGISTERING:
            self._forget_request()
            self._wait(now_ms)

    def suspect(self):
        """The server did not answer something: find out by an Update whether it knows us."""
        self._is_update_wanted = True

    def wake(self):
        """Tell the server with an Update that its requests will be heard (OMA Transport 6.5)."""
        self._is_update_wanted = True

    def hear(self, now_ms):
        """A message of the server came, or one of ours goes: stay awake for the answer."""
        self.awake_until_ms = now_ms + self._awake_window_ms

    def is_registered(self):
        """Tell whether the server has us."""
        return self.state == REGISTERED

    def is_silent(self):
        """Tell whether nothing may be said or heard (Disable, or stopped)."""
        return self.state in (DISABLED, STOPPED)

    def can_speak(self, now_ms):
        """Tell whether a Send or a notification may go now, without an Update before it."""
        if self.state != REGISTERED:
            return False
        return not self._server.is_queue_mode() or now_ms < self.awake_until_ms

    def is_awake(self, now_ms):
        """Tell whether an exchange is under way or the awake window is open."""
        return self.handle is not None or now_ms < self.awake_until_ms

    def run(self, now_ms):
        """Do what is due."""
        is_due = self._due_ms is not None and self._due_ms <= now_ms
        if self.state == REGISTERED:
            self._run_registered(now_ms, is_due)
        elif is_due and self.state in (WAITING, DISABLED):
            self._register(now_ms)
        elif is_due and self.state == LEAVING:
            self._left(now_ms)

    def next_timeout_ms(self):
        """Return when run() is due, or None."""
        return self._due_ms

    def receive_response(self, response, now_ms):
        """Take the answer to the request `handle`."""
        self.handle = None
        code = response.code
        if self.state == LEAVING:
            self._left(now_ms)
        elif self.state == REGISTERING:
            if code == coap.CREATED and response.location:
                self._enter(response.location, now_ms)
            else:
                if code == coap.BAD_REQUEST:
                    self._has_root = not self._has_root
                self._retry(_text(code), now_ms)
        elif code == coap.CHANGED:
            self._confirm(now_ms)
        elif code == coap.NOT_FOUND:
            self.reregister(now_ms, "4.04")
        elif code >> 5 == 5 or code == coap.UNAUTHORIZED and _has_echo(response):
            # The server has a bad moment, or begins anew; the registration may well outlive it.
            self._wait_for_busy(now_ms)
        else:
            self._lose(_text(code))
            self._retry(_text(code), now_ms)

    def receive_failure(self, reason, now_ms):
        """No answer to the request `handle` will come."""
        self.handle = None
        if self.state == LEAVING:
            self._left(now_ms)
            return
        if self.state == REGISTERED:
            if reason == "busy":
                self._wait_for_busy(now_ms)
                return
            self._lose(reason)
        self._retry(reason, now_ms)

    def _wait_for_busy(self, now_ms):
        wait_ms = BUSY_WAIT_MS + below(self._random_bytes, BUSY_WAIT_MS)
        self._due_ms = self._busy_until_ms = now_ms + wait_ms

    def _run_registered(self, now_ms, is_due):
        if self.handle is not None:
            return
        server = self._server
        if server.take_disable():
            self._leave(True, now_ms)
            return
        if now_ms < self._busy_until_ms:
            return
        offer = self._offer()
        if is_due or server.take_update() or self._is_update_wanted or offer != self._announced:
            self._update(offer, now_ms)

    def _offer(self):
        server = self._server
        return server.lifetime_s(), server.is_queue_mode(), self._model.instances_version

    def _register(self, now_ms):
        self.state = REGISTERING
        self._due_ms = None
        self._offered = self._offer()
        queries = ["ep=" + self._name, "lt=%d" % self._offered[0], "lwm2m=1.1", "b=U"]
        if self._offered[1]:
            queries.append("Q")
        self._request(coap.POST, ("rd",), queries, True, now_ms)

    def _update(self, offer, now_ms):
        self._is_update_wanted = False
        self._due_ms = None
        queries = []
        if offer[0] != self._announced[0]:
            queries.append("lt=%d" % offer[0])
        if offer[1] != self._announced[1]:
            queries.append("b=U")
            if offer[1]:
                queries.append("Q")
        self._offered = offer
        self._request(coap.POST, self.location, queries, offer[2] != self._announced[2], now_ms)

    def _request(self, code, path, queries, has_links, now_ms):
        try:
            links = registration_links(self._model, self._has_root) if has_links else ()
            request = Request(code, path, tuple(queries), link_format.encode(links),
                              LINK_FORMAT if has_links else None)
            self.handle = self._endpoint.send_request(request, self._peer, now_ms)
        except MemoryError:
            self.receive_failure("busy", now_ms)
            return
        self.hear(now_ms)

    def _forget_request(self):
        if self.handle is not None:
            self._endpoint.cancel(self.handle)
            self.handle = None

    def _enter(self, location, now_ms):
        self.state = REGISTERED
        self.location = location
        self._is_update_wanted = False
        self._events.append(Registered(location))
        self._confirm(now_ms)

    def _confirm(self, now_ms):
        """The server has what was offered, and counts the lifetime from now."""
        self._failures = 0
        self._announced = self._offered
        lifetime_ms = self._announced[0] * 1000
        if lifetime_ms == 0:
            self._due_ms = None
            return
        ahead_ms = min(lifetime_ms // 2, UPDATE_MARGIN_MS + lifetime_ms // 10)
        jitter_ms = below(self._random_bytes, lifetime_ms // 10)
        self._due_ms = now_ms + lifetime_ms - ahead_ms - jitter_ms

    def _lose(self, reason):
        self.location = None
        self._events.append(RegistrationLost(reason))

    def _wait(self, until_ms):
        self.state = WAITING
        self._due_ms = until_ms

    def _retry(self, reason, now_ms):
        """Try again later: by Communication Retry Timer and Sequence Delay Timer (1/x/17 to 19).

        Drawn from the whole interval, and without end: a lamp never gives up.
        """
        count, timer_s, sequence_delay_s = self._server.retry_values()
        attempt = self._failures % max(count, 1)
        self._failures += 1
        if attempt == count - 1 or count < 1:
            delay_ms = sequence_delay_s * 1000
        else:
            delay_ms = timer_s * 1000 << min(attempt, RETRY_EXPONENT_MAX)
            delay_ms = min(delay_ms, max(sequence_delay_s, timer_s) * 1000)
        delay_ms = max(below(self._random_bytes, delay_ms), RETRY_MS_MIN)
        self._events.append(RegistrationRefused(reason, delay_ms))
        self._wait(now_ms + delay_ms)

    def _leave(self, is_disabling, now_ms):
        self._is_disabling = is_disabling
        self.state = LEAVING
        self._due_ms = now_ms + SHUTDOWN_WAIT_MS
        self._request(coap.DELETE, self.location, (), False, now_ms)

    def _left(self, now_ms):
        self._forget_request()
        self._lose("de-registered")
        if self._is_disabling:
            self.state = DISABLED
            self._due_ms = now_ms + self._server.disable_timeout_s() * 1000
        else:
            self._stop()

    def _stop(self):
        self.state = STOPPED
        self._due_ms = None
        self._events.append(Stopped())


def _has_echo(response):
    """Tell whether a refusal only asks for freshness (RFC 9175 2.3)."""
    return coap.option(response.options, coap.ECHO) is not None


def _text(code):
    return "%d.%02d" % (code >> 5, code & 31)
