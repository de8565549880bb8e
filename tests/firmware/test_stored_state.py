"""What a node finds in its store after an update, a downgrade or a power cut: any shape at all."""

from firmware.hardware import MeterReading
from protocol import cbor
from protocol import coap_message as coap
from protocol.number import Decimal
from tests.firmware.board import Battery, Board, MemoryStore, Street

FUNCTION = {4: {0: "18:00;22:00"}, 5: {0: "100;40"}, 0: "a", 1: {}}
CALENDAR = {0: "b", 1: 0, 2: {0: "--12-24"}, 3: {0: "--12-26"}, 4: "* * *"}
SCHEDULER = {0: "c", 1: True, 2: 0, 3: {0: 0}, 4: 0, 6: {0: "/3416/0"}, 7: {0: "1"}, 9: False}
# What each furniture keeps, as it writes it itself.
COMMON = {"saved": {1 << 16 | 1: 600, 3 << 16 | 15: "UTC0", 3410 << 16 | 7: True}}
LAMP = {
    "lamp": {3416 << 16 | 4: 80, 3416 << 16 | 13: {0: 0}, 3416 << 16 | 30: True,
             3416 << 16 | 49: 500, 3419 << 16 | 1: 20},
    "override": {0: [30, 0, 0, 3600]},
    "meter": {0: [5000, 5000, 3600000, 7, True]},
    "3452": {0: {0: SCHEDULER}}, "3453": {0: {0: CALENDAR}}, "3454": {0: {0: FUNCTION}},
}
BIN = {
    "bin": {"3435/1": 100, "3435/4": 800, "3435/15": "above ground", "3435/16": 700,
            "3429/5": 600, "3411/5": 30},
    "bin-state": {"filling": [500, 500, 100, 90000000], "emptied": 3, "emptied_s": 1790000000,
                  "emptied_every_s": 86400},
}
PARKING = {
    "parking": {"42801/0/1": 5000, "42801/0/2": 1000, "42801/0/3": 1000, "type": "loop",
                "3411/5": 30},
    "bays": {"0/baseline_mhz": 60000000, "0/day": 20000, "0/daily_ms": 1000,
             "0/calibrated_s": 1790000000},
}
WRONG = (None, True, -1, 1 << 70, Decimal(15, -1), "x", [1, "x"], {0: {0: {}}})


class Part:
    """A sensor of any kind that gives always the same."""

    def read(self):
        return MeterReading(230000, 260, 60000, 50000, 950, 100)

    def read_lux(self):
        return 5

    def read_hz(self):
        return 60000

    def read_mg(self):
        return 0, 0, 1000


def board_of(furniture, entries):
    """Return a board whose store holds `entries`, maps by key or bytes."""
    store = MemoryStore()
    for key in entries:
        data = entries[key]
        store.entries[key] = data if isinstance(data, bytes) else cbor.encode(data)
    board = Board(furniture, store)
    board.meter = board.photocell = board.accelerometer = Part()
    board.loops = (Part(),)
    board.battery = Battery() if furniture != "lamp" else None
    return board


def live(furniture, entries):
    """Let a node with this store work and be read as a whole; return it."""
    street = Street(board_of(furniture, entries))
    street.advance(20000)
    street.write("3/0/13", "1800000000")
    street.advance(20000)
    payload = cbor.encode([{0: "/"}])
    response = street.request(coap.FETCH, "", payload, content_format=112, accept=112)
    assert response.code == coap.CONTENT
    return street


def variants(value):
    """Return `value` with each of its parts, itself first, replaced by each wrong one."""
    found = list(WRONG)
    if isinstance(value, dict):
        for key in value:
            for part in variants(value[key]):
                changed = dict(value)
                changed[key] = part
                found.append(changed)
    elif isinstance(value, list):
        for index in range(len(value)):
            for part in variants(value[index]):
                found.append(value[:index] + [part] + value[index + 1:])
        found += [value[:-1], value + [0]]
    return found


def live_with_wrong(furniture, entries, key):
    for number, value in enumerate(variants(entries[key])):
        changed = dict(entries)
        changed[key] = value
        try:
            live(furniture, changed)
        except Exception as error:
            raise AssertionError("%s %d %r: %r" % (key, number, value, error))


def test_what_a_node_writes_itself_is_not_damaged():
    for furniture, entries in (("lamp", LAMP), ("bin", BIN), ("parking", PARKING)):
        entries = dict(entries)
        entries.update(COMMON)
        assert "damaged store" not in live(furniture, entries).node.counters


def test_any_shape_of_saved_values_boots():
    live_with_wrong("lamp", COMMON, "saved")


def test_any_shape_of_a_lamps_configuration_boots():
    live_with_wrong("lamp", LAMP, "lamp")


def test_any_shape_of_an_override_boots():
    live_with_wrong("lamp", LAMP, "override")


def test_any_shape_of_counters_boots():
    live_with_wrong("lamp", LAMP, "meter")


def test_any_shape_of_schedulers_boots():
    live_with_wrong("lamp", LAMP, "3452")


def test_any_shape_of_calendars_boots():
    live_with_wrong("lamp", LAMP, "3453")


def test_any_shape_of_program_functions_boots():
    live_with_wrong("lamp", LAMP, "3454")


def test_any_shape_of_a_bins_configuration_boots():
    live_with_wrong("bin", BIN, "bin")


def test_any_shape_of_a_bins_state_boots():
    live_with_wrong("bin", BIN, "bin-state")


def test_any_shape_of_a_detectors_configuration_boots():
    live_with_wrong("parking", PARKING, "parking")


def test_any_shape_of_the_bays_boots():
    live_with_wrong("parking", PARKING, "bays")


def test_a_store_of_another_format_is_counted():
    for furniture, entries in (("lamp", LAMP), ("bin", BIN), ("parking", PARKING)):
        for key in entries:
            street = live(furniture, {key: {"version": 2}})
            assert street.node.counters["damaged store"] == 1, key


def test_an_entry_cut_off_anywhere_boots():
    data = cbor.encode(LAMP["3452"])
    for length in range(0, len(data), 4):
        assert live("lamp", {"3452": data[:length]}).board.dimmer.permille > 0


def test_what_is_sound_survives_what_is_not():
    changed = dict(LAMP["lamp"])
    changed[3416 << 16 | 49] = "soon"
    street = live("lamp", {"lamp": changed})
    assert street.read("3416/0/4")[0][1] == 80
    assert street.read("3416/0/49")[0][1] == 2


def test_a_boot_number_of_any_length_is_a_boot_number():
    for data in (b"", b"\x01", bytes(9), b"\xff" * 40):
        assert 0 <= live("lamp", {"boot": data}).node.journal.boot < 1 << 32


def fail(*arguments):
    raise OSError(28)


def test_a_flash_that_takes_nothing_stops_no_furniture():
    for furniture, entries in (("lamp", LAMP), ("bin", BIN), ("parking", PARKING)):
        board = board_of(furniture, entries)
        board.store.write = board.store.append = fail
        street = Street(board)
        street.advance(3700000)
        street.request(coap.POST, "3410/0/8")
        assert street.write("3/0/15", "UTC0") == "5.00"
        assert street.write("3435/0/4" if furniture == "bin" else "1/0/1", "70") == "5.00"
        assert street.node.counters["store failed"] > 0
        assert street.read("3/0/11") == [((3, 0, 11, 0), 8)]


def test_readings_of_a_boot_whose_number_cannot_be_kept_have_no_numbers():
    board = Board("lamp", MemoryStore())
    board.store.entries["boot"] = b"\x00\x00\x00\x05"
    board.store.write = fail
    street = Street(board, is_registered=False)
    street.node.start(0)
    street.advance(60000)
    assert street.node.journal.boot is None
    assert street.records
    assert not [record for record in street.records if record.name.startswith("/42800")]


def test_what_could_not_be_kept_is_kept_when_it_is_written_again():
    board = board_of("lamp", LAMP)
    street = Street(board)
    board.store.write = fail
    assert street.write("3416/0/4", "60") == "5.00"
    del board.store.write
    assert street.write("3416/0/4", "60") == "2.04"
    assert live("lamp", {"lamp": board.store.entries["lamp"]}).read("3416/0/4")[0][1] == 60
