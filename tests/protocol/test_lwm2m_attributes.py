from protocol import lwm2m_attributes
from protocol.errors import DecodeError
from protocol.lwm2m_attributes import Attributes, decode, merged, parameters, updated
from protocol.number import Decimal
from tests.portable import raises
from tests.protocol.wrong_input import assert_only_protocol_errors


def written(queries, path_length=3, is_numeric=True, before=None):
    return updated(before or Attributes(), decode(queries), path_length, is_numeric)


def test_every_attribute_is_read():
    queries = ["pmin=10", "pmax=60", "gt=25.5", "lt=-3", "st=.5", "epmin=1", "epmax=2"]
    expected = Attributes(10, 60, Decimal(255, -1), -3, Decimal(5, -1), 1, 2)
    assert written(queries) == expected


def test_a_name_without_a_value_unsets_and_what_is_not_named_stays():
    before = written(["pmin=10", "pmax=60"])
    assert written(["pmax"], before=before) == Attributes(pmin_s=10)
    assert written(["pmin=5"], before=before) == Attributes(pmin_s=5, pmax_s=60)
    assert written(["pmin", "pmax"], before=before).is_empty()


def test_what_is_unknown_twice_or_no_number_is_refused():
    wrong = (["x=1"], ["con=1"], ["ver=1.0"], [""], ["=1"], ["pmin=1", "pmin=2"],
             ["pmin=1", "pmin"], ["pmin="], ["pmin=a"], ["pmin=1.5"], ["pmin=-1"],
             ["pmin=2147483648"], ["gt=nan"])
    for queries in wrong:
        raises(DecodeError, decode, queries)


def test_lt_plus_twice_st_stays_below_gt():
    assert written(["lt=1", "gt=5.1", "st=2"]).st == 2
    for queries in (["lt=5", "gt=5"], ["lt=6", "gt=5"], ["lt=1", "gt=5", "st=2"]):
        raises(DecodeError, written, queries)


def test_rules_hold_for_what_was_there_and_what_comes_together():
    before = written(["gt=5", "st=2"])
    raises(DecodeError, written, ["lt=1"], 3, True, before)
    assert written(["lt=1", "st"], 3, True, before) == Attributes(gt=5, lt=1)


def test_st_is_above_zero_and_epmin_below_epmax():
    for queries in (["st=0"], ["st=-1"], ["epmin=2", "epmax=2"], ["epmin=3", "epmax=2"]):
        raises(DecodeError, written, queries)
    assert written(["pmin=60", "pmax=10"]) == Attributes(60, 10)


def test_conditions_are_for_numeric_resources_and_their_instances_only():
    for query in ("gt=1", "lt=1", "st=1"):
        assert not written([query], 4, True).is_empty()
        raises(DecodeError, written, [query], 3, False)
        for path_length in (1, 2):
            raises(DecodeError, written, [query], path_length, True)
    assert written(["pmin=1", "pmax=2", "epmin=1", "epmax=2"], 1, False).pmin_s == 1


def test_what_is_nearer_to_the_value_wins():
    levels = [Attributes(1, 10), Attributes(pmin_s=2), Attributes(gt=5), Attributes(pmin_s=0)]
    assert merged(levels) == Attributes(0, 10, 5)
    assert merged([]) == Attributes()


def test_a_link_shows_what_is_set():
    shown = parameters(Attributes(10, None, Decimal(2550, -2), -3))
    assert shown == (("pmin", "10"), ("gt", "25.5"), ("lt", "-3"))


def test_random_texts_raise_only_protocol_errors():
    def read(data):
        text = "".join([chr(byte & 127) for byte in data])
        updated(Attributes(), lwm2m_attributes.decode(text.split("&")), 3, True)

    assert_only_protocol_errors(read, [b"pmin=10&pmax&gt=25.5&lt=-3e1&st=.5"], 1500)
