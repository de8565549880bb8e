from protocol.identity import endpoint_name


def test_the_endpoint_name_is_the_device_urn_of_the_mac_address():
    # RFC 9039 section 4.1 says how a MAC-48 becomes this EUI-64.
    assert endpoint_name(bytes.fromhex("0024be804ff1")) == "urn:dev:mac:0024befffe804ff1"


def test_digits_are_lower_case_and_no_bit_is_flipped():
    assert endpoint_name(bytes.fromhex("FCDEAB0102EF")) == "urn:dev:mac:fcdeabfffe0102ef"
