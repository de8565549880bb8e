from firmware.clock import Clock
from firmware.journal import Journal
from firmware.lwm2m_object import Refused
from firmware.objects.connectivity_monitoring import ConnectivityMonitoring
from firmware.objects.device import Device
from firmware.objects.server import Server
from firmware.saved import SavedValues
from protocol import object_table
from protocol.data_types import coerce
from protocol.settings import Settings
from tests.firmware.board import Board, MemoryStore, Radio, Street
from tests.portable import raises

PARIS = "CET-1CEST,M3.5.0,M10.5.0/3"


def make_device():
    board = Board()
    clock = Clock(PARIS)
    return Device(board, clock, SavedValues(board.store), None,
                  Journal(board, clock, [], {}, 16)), clock


def make_server(store=None):
    settings = Settings(server_uri="coap://gateway.example")
    return Server(settings, SavedValues(store or MemoryStore()), False)


def check_table(street):
    """Every resource that is there is in the table, and its value has the table's type."""
    model = street.node.model
    for object_id in model.object_ids:
        lwm2m_object = model.object(object_id)
        for instance_id in lwm2m_object.instance_ids():
            for resource_id in lwm2m_object.resource_ids(instance_id):
                resource = object_table.resource(object_id, resource_id)
                assert resource, (object_id, resource_id)
                if "R" in resource.operations:
                    value = lwm2m_object.read(instance_id, resource_id)
                    assert isinstance(value, dict) == resource.is_multiple
                    for one in value.values() if resource.is_multiple else (value,):
                        assert coerce(one, resource.type) == one


def test_every_resource_of_a_lamp_is_in_the_table_and_of_its_type():
    check_table(Street())


def test_every_resource_of_a_bin_is_in_the_table_and_of_its_type():
    street = Street(Board("bin"))
    street.advance(5000)
    check_table(street)


def test_resource_ids_ascend():
    model = Street().node.model
    for object_id in model.object_ids:
        lwm2m_object = model.object(object_id)
        for instance_id in lwm2m_object.instance_ids():
            ids = list(lwm2m_object.resource_ids(instance_id))
            assert ids == sorted(ids)


def test_mandatory_resources_are_there():
    model = Street().node.model
    for object_id, resource_ids in ((1, (0, 1, 6, 7, 8)), (3, (4, 11, 16)), (4, (0, 1, 2, 4)),
                                    (3410, (2,)), (3415, (1,)), (42800, (0,))):
        there = model.object(object_id).resource_ids(0)
        for resource_id in resource_ids:
            assert resource_id in there


def test_the_server_object_has_send_open_from_the_start():
    assert make_server().read(0, 23) is False


def test_server_values_out_of_range_are_refused():
    server = make_server()
    for resource_id, value in ((1, -1), (1, 2**31), (2, -1), (5, -1), (7, "T"), (7, ""),
                               (17, 0), (18, 0)):
        raises(Refused, server.check, 0, resource_id, value)
    for resource_id, value in ((1, 0), (3, 0), (7, "U"), (7, "UQ"), (19, 0)):
        server.check(0, resource_id, value)


def test_an_unchanged_value_costs_no_flash():
    store = MemoryStore()
    saved = SavedValues(store)
    for _ in range(3):
        saved.put("a", 1)
        assert saved.commit()
    assert store.writes == ["saved"]


def test_true_and_one_are_two_saved_values():
    store = MemoryStore()
    saved = SavedValues(store)
    saved.put("a", 1)
    saved.commit()
    saved.put("a", True)
    saved.commit()
    assert SavedValues(store).get("a") is True


def test_saved_values_that_fit_no_entry_are_not_written():
    store = MemoryStore()
    saved = SavedValues(store)
    saved.put("a", "x" * 5000)
    assert not saved.commit()
    assert store.writes == []


def test_a_mains_device_has_no_battery():
    device, _ = make_device()
    assert 9 not in device.resource_ids(0)
    assert device.read(0, 6) == {0: 6}


def test_a_battery_device_tells_level_voltage_and_status():
    street = Street(Board("bin"))
    street.advance(60000)
    assert street.read("3/0/6")[0][1] == 1
    assert street.read("3/0/9")[0][1] == street.read("3411/0/1")[0][1] > 90
    assert street.read("3/0/7")[0][1] == 3600
    assert street.read("3/0/20")[0][1] == 0


def test_a_low_battery_is_an_error_code_and_a_status():
    board = Board("bin")
    board.battery.voltage_mv = 2800
    street = Street(board)
    street.advance(60000)
    assert street.read("3/0/20")[0][1] == 4
    assert street.read("3/0/11") == [((3, 0, 11, 0), 1)]


def test_the_utc_offset_follows_the_rule_and_the_season():
    device, clock = make_device()
    assert device.read(0, 14) == "+01:00"
    device.write(0, 13, 1782864000)
    assert device.read(0, 14) == "+02:00"
    device.write(0, 15, "<-0330>3:30")
    assert device.read(0, 14) == "-03:30"
    raises(Refused, device.check, 0, 14, "+01:00")


def test_a_time_zone_is_checked_and_kept():
    street = Street()
    assert street.write("3/0/15", "Europe/Paris") == "4.00"
    assert street.write("3/0/15", "AEST-10AEDT,M10.1.0,M4.1.0/3") == "2.04"
    again = Street(Board(store=street.board.store))
    assert again.read("3/0/15")[0][1] == "AEST-10AEDT,M10.1.0,M4.1.0/3"
    assert again.node.clock.timezone.standard_s == 36000


def test_connectivity_of_a_radio_without_figures_is_still_complete():
    monitoring = ConnectivityMonitoring(Radio())
    assert monitoring.resource_ids(0) == (0, 1, 2, 4, 5)
    assert monitoring.read(0, 2) == 0
    assert monitoring.read(0, 4) == {0: "192.0.2.7"}


def test_texts_that_are_too_long_are_refused():
    street = Street()
    assert street.write("3410/0/3", "x" * 129) == "4.00"
    assert street.write("3415/0/1", "x" * 129) == "4.00"
    assert street.write("3415/0/1", "ntp.example") == "2.04"
    assert street.read("3415/0/1")[0][1] == "ntp.example"
