from protocol import cbor, settings
from protocol.errors import DecodeError
from protocol.settings import Settings
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors

URI = "coap://gateway.local:5683"


def changed(**fields):
    fields["server_uri"] = fields.get("server_uri", URI)
    return Settings(**fields)


def refusal(**fields):
    try:
        changed(**fields)
    except DecodeError as error:
        return str(error)
    raise AssertionError("accepted")


def test_all_but_the_server_has_a_default():
    given = Settings(server_uri=URI)
    assert (given.lifetime_s, given.registration_spread_s) == (3600, 60)
    assert (given.timezone, given.supply) == ("CET-1CEST,M3.5.0,M10.5.0/3", "permanent")
    assert (given.security, given.open_discovery) == ("oscore", False)
    assert (given.latitude_e6, given.report_interval_s) == (None, None)
    assert (given.queue_readings_max, given.awake_window_s) == (256, 10)
    assert raises(DecodeError, Settings).args[0].startswith("server_uri")


def test_a_settings_file_is_read_as_it_was_written():
    given = changed(lifetime_s=600, latitude_e6=47473600, longitude_e6=-554100, asset="L-1",
                    name="Quai", supply="switched", furniture={"default_level": 80})
    read = settings.decode(settings.encode(given))
    for field in Settings._fields:
        assert getattr(read, field) == getattr(given, field), field


def test_the_server_is_a_host_and_a_port():
    assert changed(server_uri="coap://10.0.0.1:5684").server() == ("10.0.0.1", 5684)
    assert changed(server_uri="coap://[2001:db8::1]:61616").server() == ("2001:db8::1", 61616)
    assert changed(server_uri="coap://gateway").server() == ("gateway", 5683)


def test_a_server_that_is_no_coap_address_is_refused():
    wrong = ("gateway:5683", "http://a", "coap://", "coap://:1", "coap://a:0", "coap://a:65536",
             "coap://a/rd", "coap://a:1/rd", "coap://a:b", "coap://a:", "coap://[::1", "coap://[]",
             "coap://[::1]1", "coaps://a")
    for uri in wrong:
        assert refusal(server_uri=uri) == "server_uri must be coap://host:port", uri


def test_a_value_out_of_range_is_refused_with_its_key_and_what_is_allowed():
    assert refusal(lifetime_s=29) == "lifetime_s must be an integer from 30 to 2592000"
    assert refusal(lifetime_s=True).startswith("lifetime_s must be an integer")
    assert refusal(supply="solar") == "supply must be one of: permanent, switched"
    assert refusal(asset=5) == "asset must be a text of at most 128 characters"
    assert refusal(name="x" * 129).startswith("name must be a text")
    assert refusal(latitude_e6=90000001, longitude_e6=0).startswith("latitude_e6")


def test_unknown_keys_are_refused_by_name():
    assert refusal(lifetime=3600) == "lifetime is not a setting"
    assert refusal(furniture={"level": 1}) == "level is not a setting"


def test_half_a_position_is_refused():
    assert refusal(latitude_e6=0) == "latitude_e6 and longitude_e6 must be given together"


def test_furniture_settings_are_completed_with_defaults():
    lamp = changed(furniture={"default_level": 80}).furniture_values("lamp")
    assert (lamp["default_level"], lamp["minimum_level"]) == (80, 10)
    assert lamp["motion_boost_level"] is None
    bin_values = changed().furniture_values("bin")
    assert (bin_values["shape"], bin_values["fire_centicelsius"]) == ("prism", 6000)
    parking = changed(furniture={"bays": 4}).furniture_values("parking")
    assert (parking["bays"], parking["overstay_s"], parking["threshold_ppm"]) == (4, None, 4000)


def test_another_furniture_s_settings_are_refused_for_this_one():
    error = raises(DecodeError, changed(furniture={"bays": 4}).furniture_values, "lamp")
    assert str(error) == "bays is not a setting"


def test_thresholds_that_contradict_each_other_are_refused():
    assert refusal(furniture={"dark_lux": 35}) == "dark_lux must be below light_lux"
    assert refusal(furniture={"low_threshold": 90}) == "low_threshold must be below high_threshold"
    assert refusal(furniture={"hysteresis_ppm": 4000}).startswith("hysteresis_ppm must be below")


def test_a_shape_ascends_to_the_whole_volume():
    shape = [[40, 200], [120, 1000]]
    assert changed(furniture={"shape": shape}).furniture_values("bin")["shape"] == shape
    wrong = ([], [[120, 999]], [[60, 500], [50, 1000]], [[60, 500], [70, 500]], [[60]], [60],
             "cone", [[10, 1000, 1]], [["a", 1000]], [[n, n] for n in range(17)] + [[1000, 1000]])
    for shape in wrong:
        assert refusal(furniture={"shape": shape}).startswith("shape must be"), shape


def test_a_file_that_is_no_map_of_names_is_refused():
    for item in ([], 5, {1: 2}, {"server_uri": URI, "furniture": {1: 2}},
                 {"server_uri": URI, "furniture": 5}, {"server_uri": 5}, {}):
        raises(DecodeError, settings.decode, cbor.encode(item))


def test_random_bytes_raise_only_protocol_errors():
    given = changed(furniture={"shape": [[40, 200], [120, 1000]], "default_level": 80})
    assert_only_protocol_errors(settings.decode, [settings.encode(given)])


def test_security_and_discovery_are_choices():
    assert changed().security == "oscore"
    assert changed(security="none").security == "none"
    assert refusal(security="dtls").startswith("security")
    assert changed().open_discovery is False
    assert refusal(open_discovery="yes").startswith("open_discovery")


def test_keys_that_an_earlier_release_does_not_know_are_left_out_where_they_say_nothing():
    written = cbor.decode(settings.encode(changed()))
    assert "security" not in written and "open_discovery" not in written
    for given in (changed(security="none"), changed(security="oscore", open_discovery=True)):
        read = settings.decode(settings.encode(given))
        assert (read.security, read.open_discovery) == (given.security, given.open_discovery)
