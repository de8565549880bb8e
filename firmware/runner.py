"""The loop around a node: datagrams in and out, timers, sleep, the watchdog, the farewell."""

from firmware.lwm2m_client import Stopped

# The watchdog is fed at least this often.
WAIT_MS_MAX = 2000
# Below this, switching the radio off costs more than it saves.
SLEEP_MS_MIN = 1000
# Shorter than the watchdog's patience, should that go on while the chip sleeps.
SLEEP_MS_MAX = 20000
RECEIVED_PER_TURN_MAX = 16
SHUTDOWN_MS_MAX = 10000
ERRORS_IN_A_ROW_MAX = 8


class Runner:
    """Runs one node.

    `transport`: send(datagram, peer), receive(timeout_ms) -> (datagram, peer) or None.
    `uptime`: now_ms(). `watchdog`: feed(). `power` (None: never sleep): sleep(duration_ms) with
    the radio off, wake() before something is sent. `take_event(event)` sees every event of the
    node, `take_error(error)` every exception that is a bug; after 8 turns in a row that failed,
    the last one is raised: a reset is then the better answer. `make_room()` is called after a
    turn that found no memory: it forgets what can be had again.
    """

    def __init__(self, node, transport, uptime, watchdog, power=None,
                 take_event=None, take_error=None, make_room=None):
        self._node = node
        self._transport = transport
        self._uptime = uptime
        self._watchdog = watchdog
        self._power = power
        self._take_event = take_event
        self._take_error = take_error
        self._make_room = make_room
        self._is_stopped = False
        self._errors_in_a_row = 0
        self.errors = 0

    def run(self):
        """Run until KeyboardInterrupt, which a board's main may raise for other signals too."""
        self._node.start(self._uptime.now_ms())
        try:
            while not self._is_stopped:
                self.turn()
        except KeyboardInterrupt:
            self._say_goodbye()

    def _say_goodbye(self):
        """De-register, and wait for the event Stopped."""
        now_ms = self._uptime.now_ms()
        end_ms = now_ms + SHUTDOWN_MS_MAX
        self._node.shutdown(now_ms)
        while not self._is_stopped and self._uptime.now_ms() < end_ms:
            self.turn()

    def turn(self):
        """Wait for a datagram or the next timer, then do what is due."""
        self._watchdog.feed()
        try:
            self._flush()
            self._wait()
            self._flush()
            self._errors_in_a_row = 0
        except Exception as error:
            self.errors += 1
            self._errors_in_a_row += 1
            if self._make_room and isinstance(error, MemoryError):
                self._make_room()
            self._tell(error)
            if self._errors_in_a_row >= ERRORS_IN_A_ROW_MAX:
                raise

    def _tell(self, error):
        try:
            if self._take_error:
                self._take_error(error)
        except MemoryError:
            # It is counted; a traceback needs memory too.
            pass

    def _wait(self):
        now_ms = self._uptime.now_ms()
        due_ms = self._node.next_timeout_ms()
        wait_ms = WAIT_MS_MAX if due_ms is None else max(due_ms - now_ms, 0)
        if self._may_sleep(wait_ms, now_ms):
            self._power.sleep(min(wait_ms, SLEEP_MS_MAX))
        else:
            self._receive(min(wait_ms, WAIT_MS_MAX))
        now_ms = self._uptime.now_ms()
        if due_ms is not None and now_ms >= due_ms:
            self._node.handle_timeout(now_ms)

    def _may_sleep(self, wait_ms, now_ms):
        return (self._power is not None and wait_ms >= SLEEP_MS_MIN
                and self._node.is_asleep_allowed(now_ms))

    def _receive(self, wait_ms):
        """Take in what has come, but never so much that the timers starve."""
        for _ in range(RECEIVED_PER_TURN_MAX):
            received = self._transport.receive(wait_ms)
            if received is None:
                return
            self._node.receive_datagram(received[0], received[1], self._uptime.now_ms())
            wait_ms = 0

    def _flush(self):
        datagrams = self._node.datagrams_to_send()
        if datagrams and self._power is not None:
            self._power.wake()
        for datagram, peer in datagrams:
            self._transport.send(datagram, peer)
        event = self._node.next_event()
        while event is not None:
            if isinstance(event, Stopped):
                self._is_stopped = True
            if self._take_event:
                self._take_event(event)
            event = self._node.next_event()
