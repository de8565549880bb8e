"""The whole node as one core: board and settings in, an LwM2M client with its furniture out."""

from firmware.attribute_store import AttributeStore
from firmware.clock import RTC, Clock
from firmware.data_model import DataModel
from firmware.device_management import DeviceManagement
from firmware.furniture_class import furniture_class
from firmware.journal import Journal
from firmware.keys import Keys
from firmware.lwm2m_client import Client
from firmware.objects.connectivity_monitoring import ConnectivityMonitoring
from firmware.objects.device import Device, timezone_rule
from firmware.objects.device_extension import DeviceExtension
from firmware.objects.journal import JournalObject
from firmware.objects.keys import KeysObject
from firmware.objects.server import Server
from firmware.objects.time_synchronization import TimeSynchronization
from firmware.observation import Observations
from firmware.reporting import Reporting
from firmware.saved import SavedValues
from firmware.timezone import Timezone
from protocol import coap_message as coap
from protocol import data_types, identity, object_table
from protocol.coap_endpoint import Endpoint
from protocol.coap_exchange import MessageLayer
from protocol.coap_security import SecurityLayer
from protocol.coap_values import (
    ObservationEnded,
    RequestFailed,
    RequestReceived,
    Response,
    ResponseReceived,
)
from protocol.lwm2m_content import LINK_FORMAT

EVENTS_MAX = 256
BATTERY = 3411
WELL_KNOWN = (".well-known", "core")
# A retransmitted Reboot request must still find its answer (RFC 7252 ACK_TIMEOUT, with jitter).
REBOOT_DELAY_MS = 3500
ADDRESS_CHECK_MS = 10000
FLUSH_MS_MAX = 5000
# Measurements wait at least so long for company.
BATCH_WAIT_MS = 1000


class Node:
    """A node: five calls, start, shutdown, is_asleep_allowed.

    Events: those of firmware.lwm2m_client (Registered, RegistrationLost, RegistrationRefused,
    Stopped) and of firmware.journal (ReadingTaken, ReadingsAcknowledged, ReadingDropped).
    Events that nobody takes are forgotten, the oldest first. It hears its server alone: the
    peer (host, port) of the settings' server_uri. `counters` says what was dropped, and why.
    `parameters` are CoAP's TransmissionParameters for a network that is not as the RFC assumes.
    """

    def __init__(self, board, settings, parameters=None):
        self._board = board
        self._settings = settings
        self._events = []
        self.endpoint_name = identity.endpoint_name(board.mac)
        self.peer = settings.server()
        self._spread_ms = settings.registration_spread_s * 1000
        self._saved = SavedValues(board.store)
        self.clock = Clock(timezone_rule(self._saved, settings))
        layer = MessageLayer(board.random_bytes, parameters)
        self.counters = layer.counters
        self.keys = None
        if settings.security != "none":
            self.keys = Keys(board.store, board.aes, self.clock, self.counters)
            layer = SecurityLayer(layer, self.keys, board.random_bytes, settings.open_discovery)
        self.endpoint = Endpoint(board.random_bytes, parameters, message_layer=layer)
        self.furniture = furniture_class(board.furniture)(
            board, settings, self.clock, self._report)
        is_sleepy = self.furniture.is_sleepy
        self.journal = Journal(board, self.clock, self._events, self.counters,
                               settings.queue_readings_max, not is_sleepy)
        self.reporting = Reporting(self.journal, self.clock, board.random_bytes, BATCH_WAIT_MS,
                                   0 if is_sleepy else self._spread_ms)
        self._make_objects(settings, is_sleepy)
        self._addresses = ()
        self._address_check_ms = 0
        self._reboot_ms = None
        self._is_leaving = False
        # When a node that is shut down leaves its readings behind.
        self._leave_ms = None
        # While it is quiet, nothing but the furniture has anything to do before _due_ms.
        self._is_quiet, self._due_ms, self._furniture_ms = False, None, None

    def _make_objects(self, settings, is_sleepy):
        board, clock, saved = self._board, self.clock, self._saved
        self._server = Server(settings, saved, is_sleepy)
        self._device = Device(board, clock, saved, self._battery(), self.journal)
        self._extension = DeviceExtension(settings, clock, saved, is_sleepy)
        objects = [self._server, self._device, ConnectivityMonitoring(board.radio),
                   self._extension, TimeSynchronization(clock, saved),
                   JournalObject(self.journal, self.reporting)]
        if self.keys:
            objects.append(KeysObject(self.keys))
        self.model = DataModel(objects + list(self.furniture.objects))
        saved.keep(self._is_saved_right)
        are_keys_damaged = self.keys is not None and self.keys.is_damaged
        if saved.is_damaged or self.furniture.is_damaged or are_keys_damaged:
            self._count("damaged store")
        attributes = AttributeStore()
        self._management = DeviceManagement(self.model, attributes)
        self.observations = Observations(
            self._management, attributes, self._server, self.endpoint)
        self.client = Client(self.endpoint_name, self._server, self.model, self.endpoint,
                             self.peer, board.random_bytes, settings.awake_window_s * 1000,
                             self._events)

    def _is_saved_right(self, name, value):
        path = (name >> 16, 0, name & 0xFFFF)
        resource = object_table.resource(path[0], path[2])
        lwm2m_object = self.model.object(path[0])
        lwm2m_object.check(0, path[2], data_types.coerce(value, resource.type))
        return "W" in resource.operations and path[2] in lwm2m_object.resource_ids(0)

    def _battery(self):
        for lwm2m_object in self.furniture.objects:
            if lwm2m_object.object_id == BATTERY:
                return lwm2m_object
        return None

    def start(self, now_ms):
        """Begin to work: the furniture at once, the registration within the settings' spread."""
        self.clock.now_ms = now_ms
        read_rtc = getattr(self._board, "rtc_unix_s", None)
        unix_s = read_rtc() if read_rtc else None
        if unix_s is not None:
            self.clock.set_unix_s(unix_s, RTC)
        self._addresses = self._board.radio.ip_addresses()
        if self.keys:
            self.keys.start()
        self.client.start(now_ms, self._spread_ms)
        self._run(now_ms)

    def shutdown(self, now_ms):
        """Send what is held, as far as the server takes it within 5 s, and de-register.

        The furniture stays as it is and takes no more readings. The event Stopped follows, 10 s
        from now at the latest.
        """
        self.clock.now_ms = now_ms
        self._is_leaving = True
        self._leave_ms = now_ms + FLUSH_MS_MAX
        self.reporting.hurry(now_ms)
        self._run(now_ms)

    def receive_datagram(self, datagram, peer, now_ms):
        """Take a datagram; only the server's are heard."""
        self.clock.now_ms = now_ms
        self._is_quiet = False
        if peer != self.peer:
            self._count("stranger")
        elif self.client.is_silent():
            self._count("silent")
        else:
            if self.keys is None:
                self.client.hear(now_ms)
            self.endpoint.receive_datagram(datagram, peer, now_ms)
        self._run(now_ms)

    def handle_timeout(self, now_ms):
        """Do what is due; most of the time that is the furniture alone, with nothing to tell."""
        self.clock.now_ms = now_ms
        if (not self._is_quiet or self.journal.has_news
                or self._due_ms is not None and now_ms >= self._due_ms):
            self.endpoint.handle_timeout(now_ms)
            self._run(now_ms)
            return
        if now_ms >= self._furniture_ms:
            self.furniture.handle_timeout(now_ms)
        self._check_address(now_ms)
        if self.journal.has_news or not self._is_quiet:
            self._follow(now_ms)

    def next_timeout_ms(self):
        """Return when handle_timeout() is due next, or None."""
        if self.journal.has_news or not self._is_quiet:
            self._due_ms = self._next_due_ms()
            self.journal.has_news = False
            # What is observed may change with whatever the furniture does.
            self._is_quiet = not (self._is_leaving or len(self.observations)
                                  or self.endpoint.has_event())
        if self._is_leaving:
            return self._due_ms
        self._furniture_ms = due_ms = self.furniture.next_timeout_ms()
        return due_ms if self._due_ms is None else min(due_ms, self._due_ms)

    def _next_due_ms(self):
        """Return when something but the furniture is due, or None."""
        times = [self.endpoint.next_timeout_ms(), self.client.next_timeout_ms(),
                 self.observations.next_timeout_ms(), self._report_due_ms(), self._reboot_ms,
                 self.journal.next_timeout_ms(), self._leave_ms]
        if self.keys:
            times.append(self.keys.next_timeout_ms())
        if self.furniture.is_sleepy and self.client.awake_until_ms > self.clock.now_ms:
            # Then the radio may go off.
            times.append(self.client.awake_until_ms)
        times = [time for time in times if time is not None]
        return min(times) if times else None

    def datagrams_to_send(self):
        """Return [(datagram, peer)], and forget them."""
        return self.endpoint.datagrams_to_send()

    def next_event(self):
        """Return the next event, or None."""
        return self._events.pop(0) if self._events else None

    def is_asleep_allowed(self, now_ms):
        """Tell whether the radio may be off until next_timeout_ms()."""
        return (self.furniture.is_sleepy and self._server.is_queue_mode()
                and not self.client.is_awake(now_ms) and self.reporting.pack is None
                and self._reboot_ms is None and self.endpoint.next_timeout_ms() is None)

    def _report(self, path, value, time_ms=None):
        self.reporting.report(path, value, time_ms)

    def _report_due_ms(self):
        client = self.client
        if self._server.is_muted() or not client.is_registered() or client.handle is not None:
            return None
        return self.reporting.due_ms()

    def _count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def _run(self, now_ms):
        self._is_quiet = False
        self._handle_events(now_ms)
        if self.keys:
            self.keys.handle_timeout()
            if self.keys.take_change():
                self.client.begin_anew(now_ms, "keys")
        if not self._is_leaving:
            self._run_furniture(now_ms)
        self._follow(now_ms)

    def _follow(self, now_ms):
        """Do what may follow from what server and furniture did."""
        due_ms = self.journal.next_timeout_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._flush_journal(now_ms)
        if self._leave_ms is not None and (now_ms >= self._leave_ms or not self._can_send()):
            self._leave_ms = None
            self.observations.clear()
            self.client.shutdown(now_ms)
        self._check_address(now_ms)
        self._notify(now_ms)
        self._send_readings(now_ms)
        self.client.run(now_ms)
        self._saved.commit()
        self._do_what_was_asked(now_ms)
        if len(self._events) > EVENTS_MAX:
            del self._events[:len(self._events) - EVENTS_MAX]

    def _notify(self, now_ms):
        try:
            if self.observations.run(now_ms, self.client.can_speak(now_ms)):
                self.client.wake()
        except MemoryError:
            self._count("no memory")

    def _flush_journal(self, now_ms):
        try:
            self.reporting.flush(now_ms)
        except MemoryError:
            self._count("no memory")

    def _can_send(self):
        is_heard = self.client.is_registered() and not self._server.is_muted()
        return is_heard and not self.journal.is_empty()

    def _run_furniture(self, now_ms):
        self.furniture.is_locked = self._extension.is_maintenance()
        if self.furniture.next_timeout_ms() <= now_ms:
            self.furniture.handle_timeout(now_ms)

    def _handle_events(self, now_ms):
        event = self.endpoint.next_event()
        while event:
            if isinstance(event, RequestReceived):
                self.client.hear(now_ms)
                self._answer(event, now_ms)
            elif isinstance(event, ResponseReceived):
                self.client.hear(now_ms)
                self._receive_response(event.handle, event.response, now_ms)
            elif isinstance(event, RequestFailed):
                self._receive_failure(event, now_ms)
            elif isinstance(event, ObservationEnded):
                self.observations.end(event.exchange)
                if event.reason == "timeout":
                    # The server still believes in it; after a new registration it asks again.
                    self.client.reregister(now_ms, "unheard")
            event = self.endpoint.next_event()

    def _answer(self, event, now_ms):
        try:
            response = self._respond(event, now_ms)
        except MemoryError:
            self._count("no memory")
            self.observations.end(event.exchange)
            response = Response(coap.INTERNAL_SERVER_ERROR)
        self.endpoint.send_response(event.exchange, response, now_ms)

    def _respond(self, event, now_ms):
        request = event.request
        if self._settings.open_discovery and request.path == WELL_KNOWN:
            # No longer than thrice the question, and nothing about this node.
            return Response(coap.CONTENT, b'</>;rt="oma.lwm2m"', LINK_FORMAT)
        response, operation = self._management.respond(request)
        if not self._saved.commit():
            response = Response(coap.INTERNAL_SERVER_ERROR)
        if response.code == coap.INTERNAL_SERVER_ERROR:
            self._count("store failed")
        if operation and operation.observe == 0 and response.code == coap.CONTENT:
            if self.observations.begin(
                    event.exchange, operation, request.payload, response, now_ms):
                response.observe = 0
        return response

    def _receive_response(self, handle, response, now_ms):
        if handle == self.client.handle:
            was_registered = self.client.is_registered()
            self.client.receive_response(response, now_ms)
            if self.client.is_registered() and not was_registered:
                self.observations.clear()
                if self.reporting.pack:
                    self.endpoint.cancel(self.reporting.cancel())
                self.reporting.resume(now_ms)
        elif self.reporting.pack and handle == self.reporting.pack.handle:
            self.reporting.receive_response(response.code, now_ms)
            if response.code == coap.NOT_FOUND:
                # A server that forgot us; or one that knows no Send, whatever we do.
                if self.reporting.failures == 1:
                    self.client.reregister(now_ms, "4.04")
                else:
                    self.client.suspect()

    def _receive_failure(self, event, now_ms):
        if event.handle == self.client.handle:
            self.client.receive_failure(event.reason, now_ms)
        elif self.reporting.pack and event.handle == self.reporting.pack.handle:
            self.reporting.receive_failure(now_ms)
            if event.reason == "timeout":
                self.client.suspect()

    def _send_readings(self, now_ms):
        due_ms = self._report_due_ms()
        if due_ms is None or due_ms > now_ms:
            return
        if not self.client.can_speak(now_ms):
            self.client.wake()
            return
        if self.reporting.pack:
            self.endpoint.cancel(self.reporting.cancel())
        try:
            request = self.reporting.next_request(now_ms)
            if request is None:
                return
            self.reporting.note_sent(self.endpoint.send_request(request, self.peer, now_ms))
        except MemoryError:
            self._count("no memory")
            self.reporting.shrink(now_ms)
            return
        self.client.hear(now_ms)

    def _check_address(self, now_ms):
        """Register anew where the address changed: an Update is not enough (Transport 6.4.3)."""
        if now_ms < self._address_check_ms:
            return
        self._address_check_ms = now_ms + ADDRESS_CHECK_MS
        addresses = self._board.radio.ip_addresses()
        if addresses and addresses != self._addresses:
            self._is_quiet = False
            if self._addresses:
                self.client.reregister(now_ms, "address")
            self._addresses = addresses

    def _do_what_was_asked(self, now_ms):
        if self._extension.is_reset_wanted:
            self._extension.is_reset_wanted = False
            self._saved.clear()
            self._saved.commit()
            self.clock.timezone = Timezone(timezone_rule(self._saved, self._settings))
            self.furniture.reset_configuration()
        if self._device.is_reboot_wanted:
            self._device.is_reboot_wanted = False
            self._reboot_ms = now_ms + REBOOT_DELAY_MS
        elif self._reboot_ms is not None and now_ms >= self._reboot_ms:
            self._reboot_ms = None
            self.reporting.hurry(now_ms)
            self._flush_journal(now_ms)
            save = getattr(self.furniture, "save", None)
            if save:
                save()
            self._board.reset()
