from firmware.journal import ReadingsAcknowledged, ReadingTaken
from firmware.lwm2m_client import Registered
from firmware.node import EVENTS_MAX
from protocol import coap_message as coap
from protocol.coap_observing import ObservingEndpoint
from protocol.coap_values import Request
from protocol.lwm2m_content import SENML_CBOR
from tests.firmware.board import NODE, SERVER, Board, Randomness, Street
from tests.portable import seeded_bytes

NOW_S = 1795000000
POWER = (3418, 0, 4)
FAILURE = (3416, 0, 5)


def clocked(board=None, **settings):
    """A street whose server has given the time, as ours does, and all of whose readings went."""
    street = Street(board, **settings)
    assert street.write("3/0/13", str(NOW_S)) == "2.04"
    street.advance(5000)
    del street.requests[:]
    del street.records[:]
    return street


def report(street, path, value):
    """Take a reading now and let the node go on."""
    street.node.clock.now_ms = street.now_ms
    street.node.reporting.report(path, value)
    street.node.handle_timeout(street.now_ms)
    street.settle()


def values(street):
    return {record.name: record.value for record in street.records}


def test_int_306_and_311_readings_are_sent_as_senml_with_their_time():
    street = clocked()
    report(street, POWER, 60)
    street.advance(2000)
    assert street.names() == ["send"]
    assert street.requests[0].content_format == SENML_CBOR
    assert [(record.name, record.value, record.time) for record in street.records[5:]] == [
        ("/3418/0/4", 60, NOW_S + 5)]


def test_int_307_muted_readings_stay_until_send_is_allowed():
    street = clocked()
    assert street.write("1/0/23", "1") == "2.04"
    report(street, FAILURE, True)
    street.advance(600000)
    assert "send" not in street.names()
    assert street.write("1/0/23", "0") == "2.04"
    street.advance(2000)
    assert values(street)["/3416/0/5"] is True


def test_alarms_go_at_once():
    street = clocked()
    report(street, FAILURE, True)
    assert street.names() == ["send"]


def test_a_send_that_is_not_found_brings_a_new_registration_and_loses_nothing():
    street = clocked()
    street.answers["send"] = coap.NOT_FOUND
    report(street, FAILURE, True)
    street.advance(100)
    assert street.names()[:2] == ["send", "register"]
    del street.answers["send"]
    street.advance(20000)
    assert values(street)["/3416/0/5"] is True


def test_a_server_that_knows_no_send_is_not_besieged():
    street = clocked()
    street.answers["send"] = coap.NOT_FOUND
    report(street, FAILURE, True)
    street.advance(3600000)
    assert street.names().count("register") == 1
    assert street.names().count("send") < 20


def test_readings_taken_while_the_server_is_away_arrive_once_it_is_back():
    street = clocked(lifetime_s=300)
    street.is_down = True
    for minute in range(60):
        report(street, POWER, minute)
        street.advance(60000)
    street.is_down = False
    street.advance(700000)
    assert {record.value for record in street.records
            if record.name == "/3418/0/4"} >= set(range(60))


def test_a_send_without_answer_makes_the_node_ask_whether_it_is_known():
    street = clocked()
    street.answers["send"] = None
    report(street, FAILURE, True)
    street.advance(200000)
    assert "update" in street.names()


def test_every_reading_is_told_as_taken_and_as_acknowledged():
    street = clocked()
    del street.events[:]
    for value in range(5):
        report(street, POWER, value)
    street.advance(3000)
    taken = [(event.boot, event.sequence) for event in street.events
             if isinstance(event, ReadingTaken)]
    known = [(event.boot, sequence) for event in street.events
             if isinstance(event, ReadingsAcknowledged) for sequence in event.sequences]
    assert len(taken) >= 5
    assert sorted(known) == sorted(taken)


def test_every_boot_has_a_number_of_its_own():
    street = clocked()
    boot = street.read("42800/0/0")[0][1]
    again = Street(Board(store=street.board.store))
    assert again.read("42800/0/0") == [((42800, 0, 0), boot + 1)]


def test_a_node_with_an_erased_store_does_not_begin_where_it_once_began():
    assert Street(Board(seed=1)).node.journal.boot != Street(Board(seed=2)).node.journal.boot


def test_the_boot_number_wraps():
    board = Board()
    board.store.entries["boot"] = b"\xff" * 4
    assert Street(board).node.journal.boot == 0


def test_the_boot_number_is_durable_before_anything_is_said():
    street = Street(is_registered=False)
    boot = int.from_bytes(street.board.store.entries["boot"][-4:], "big")
    assert boot == street.node.journal.boot
    assert street.node.datagrams_to_send() == []


def test_the_journal_object_tells_what_waits():
    street = clocked()
    street.write("1/0/23", "1")
    first = street.read("42800/0/2")[0][1]
    report(street, POWER, 1)
    report(street, POWER, 2)
    assert street.read("42800/0/2") == [((42800, 0, 2), first)]


def test_what_is_written_is_durable_before_the_answer_leaves():
    street = clocked()
    street.server.send_request(
        Request(coap.PUT, ("3410", "0", "4"), (), b"LP-7", 0), NODE, street.now_ms)
    for datagram, _ in street.server.datagrams_to_send():
        street.node.receive_datagram(datagram, SERVER, street.now_ms)
    assert b"LP-7" in street.board.store.entries["saved"]


def test_time_is_taken_from_the_server_and_goes_on():
    street = clocked()
    street.advance(60000)
    assert street.read("3/0/13") == [((3, 0, 13), NOW_S + 65)]


def test_a_time_before_2020_is_read_back_yet_leaves_the_clock_unknown():
    street = Street()
    assert street.write("3/0/13", "1000") == "2.04"
    street.advance(2000)
    assert street.read("3/0/13") == [((3, 0, 13), 1002)]
    assert street.node.clock.unix_s() is None
    assert street.read("3415/0/5") == [((3415, 0, 5), True)]


def test_a_battery_backed_clock_gives_the_time_from_the_start():
    board = Board()
    board.rtc_unix_s = lambda: NOW_S
    street = Street(board)
    assert street.node.clock.unix_s() == NOW_S


def test_maintenance_locks_the_furniture_until_it_ends():
    street = clocked()
    assert street.write("3410/0/7", "1") == "2.04"
    assert street.node.furniture.is_locked
    again = Street(Board(store=street.board.store))
    assert again.node.furniture.is_locked
    again.write("3410/0/7", "0")
    assert not again.node.furniture.is_locked


def test_a_rebooted_node_registers_again():
    street = clocked()
    street.request(coap.POST, "3/0/4")
    street.advance(4000)
    assert street.board.resets == 1
    again = Street(Board(store=street.board.store), is_registered=False)
    again.node.start(0)
    again.settle()
    assert [type(event) for event in again.events if isinstance(event, Registered)] == [Registered]


def test_a_node_that_nobody_drains_forgets_the_oldest_events():
    street = clocked(queue_readings_max=4096)
    for value in range(EVENTS_MAX * 2):
        street.node.reporting.report(POWER, value)
    street.node.handle_timeout(street.now_ms)
    events = []
    event = street.node.next_event()
    while event:
        events.append(event)
        event = street.node.next_event()
    assert len(events) <= EVENTS_MAX
    assert events[-1].value == EVENTS_MAX * 2 - 1


def test_a_node_rests_when_there_is_nothing_to_do():
    street = clocked(Board("bin"))
    street.advance(120000)
    steps = 0
    end_ms = street.now_ms + 3600000
    while street.now_ms < end_ms:
        street.now_ms = max(street.node.next_timeout_ms(), street.now_ms + 1)
        street.node.handle_timeout(street.now_ms)
        street.settle()
        steps += 1
    assert steps < 200


def test_a_damaged_store_does_not_stop_the_node():
    board = Board()
    board.store.entries["saved"] = b"\xff\x00"
    street = Street(board)
    assert street.read("1/0/1") == [((1, 0, 1), 3600)]


def test_random_datagrams_are_dropped_and_answered_at_most():
    street = clocked()
    data = seeded_bytes(17, 60000)
    position = 0
    for _ in range(1500):
        length = data[position] % 40
        street.node.receive_datagram(data[position:position + length], SERVER, street.now_ms)
        street.node.datagrams_to_send()
        position += length + 1
    assert street.read("3/0/0")[0][1] == "Faubourg"


def test_random_payloads_in_good_messages_get_an_answer_each():
    street = clocked()
    formats = (0, 42, 60, 110, 112, 11542, None)
    paths = ("", "3", "1/0", "1/0/1", "3416/0", "3416/0/1", "3453", "3416/0/35", "3410/0/3")
    methods = (coap.PUT, coap.POST, coap.FETCH, coap.IPATCH)
    for number in range(600):
        payload = seeded_bytes(number, number % 30)
        response = street.request(
            methods[number % 4], paths[number % 9], payload, content_format=formats[number % 7])
        assert response.code >> 5 in (2, 4)
    street.advance(10000)
    assert street.write("1/0/23", "0") == "2.04"


def test_flipped_bits_in_a_good_request_never_break_the_node():
    street = clocked()
    writer = ObservingEndpoint(Randomness(5))
    writer.send_request(
        Request(coap.IPATCH, (), (), b"\x81\xa2\x00\x66/1/0/2\x02\x05", SENML_CBOR), NODE, 0)
    datagram = writer.datagrams_to_send()[0][0]
    for bit in range(len(datagram) * 8):
        broken = bytearray(datagram)
        broken[bit // 8] ^= 1 << bit % 8
        street.node.receive_datagram(bytes(broken), SERVER, street.now_ms + bit * 100)
        street.node.datagrams_to_send()
    street.now_ms += 400000
    assert street.request(coap.GET, "3/0/0").code == coap.CONTENT


def test_a_request_without_memory_is_answered_so_and_the_node_goes_on():
    street = Street()
    lamp = street.node.model.object(3416)
    value = lamp.value
    lamp.value = no_memory
    assert street.request(coap.GET, "3416/0").code == coap.INTERNAL_SERVER_ERROR
    lamp.value = value
    assert street.request(coap.GET, "3416/0").code == coap.CONTENT
    assert street.node.counters["no memory"] == 1


def test_an_observation_without_memory_is_not_begun():
    street = Street()
    begin = street.node.observations.begin
    street.node.observations.begin = no_memory
    response = street.request(coap.GET, "3416/0/3", observe=0)
    assert (response.code, response.observe) == (coap.INTERNAL_SERVER_ERROR, None)
    street.node.observations.begin = begin
    assert street.request(coap.GET, "3416/0/3", observe=0).observe is not None


def test_a_pack_without_memory_waits_and_becomes_smaller():
    street = Street(report_interval_s=60)
    street.advance(30000)
    reporting = street.node.reporting
    make = reporting._payload

    def make_small(is_urgent, readings, now_ms):
        if len(readings) > 1:
            raise MemoryError
        return make(is_urgent, readings, now_ms)

    reporting._payload = make_small
    street.advance(200000)
    assert street.names().count("send") > 3
    assert street.node.counters["no memory"] > 0


def test_a_configuration_reset_brings_the_settings_time_zone_back():
    street = Street()
    assert street.write("3/0/15", "UTC0") == "2.04"
    assert street.request(coap.POST, "3410/0/8").code == coap.CHANGED
    assert street.read("3/0/15")[0][1] == street.settings.timezone


def test_a_time_that_no_format_can_carry_is_refused():
    street = Street()
    for text in ("9223372036854775807", "-9223372036854775808", "1099511627777"):
        assert street.write("3/0/13", text) == "4.00"
    assert street.write("3/0/13", "-1") == "2.04"
    street.advance(5000)
    assert street.request(coap.GET, "3/0", accept=11542).code == coap.CONTENT


def no_memory(*arguments):
    raise MemoryError


def test_a_reboot_by_command_writes_what_waits_before_it_resets():
    street = clocked()
    street.node.journal._budget_ms = 1 << 40
    street.is_down = True
    report(street, POWER, 61)
    assert not street.board.store.keys("jm")
    street.is_down = False
    street.request(coap.POST, "3/0/4")
    street.answers["send"] = None
    street.advance(4000)
    assert street.board.resets == 1
    again = Street(Board(store=street.board.store), is_registered=False)
    assert [reading.value for reading in again.node.journal.oldest(False, 9, 999)] == [61]


def test_an_alarm_is_on_flash_before_its_datagram_leaves():
    street = clocked()
    before = dict(street.board.store.entries)
    street.node.clock.now_ms = street.now_ms
    street.node.reporting.report(FAILURE, True)
    assert street.board.store.entries == before
    street.node.handle_timeout(street.now_ms)
    assert street.board.store.keys("ja")
    assert street.node.datagrams_to_send()
