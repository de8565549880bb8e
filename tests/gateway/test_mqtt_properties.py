"""A PUBLISH's properties, against paho's own class."""

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.uplinks.mqtt_properties import PublishProperties

# MQTT 5 section 1.5.4: neither surrogates nor U+0000.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)


@given(
    st.lists(st.tuples(texts, texts), max_size=3),
    st.none() | st.binary(max_size=300),
    st.none() | texts,
)
def test_paho_reads_what_was_packed(pairs, correlation, content_type):
    packed = PublishProperties(tuple(pairs), correlation, content_type).pack()
    read, length = Properties(PacketTypes.PUBLISH).unpack(packed)
    assert length == len(packed)
    assert getattr(read, "UserProperty", []) == pairs
    assert getattr(read, "CorrelationData", None) == correlation
    assert getattr(read, "ContentType", None) == content_type


def test_none_are_one_byte():
    assert PublishProperties().pack() == b"\x00"
