"""What a board is called: the device URN of its MAC address (RFC 9039)."""

import binascii


def endpoint_name(mac):
    """Return the endpoint name of a board whose base MAC address is the 6 bytes `mac`.

    The EUI-64 is the MAC-48 with fffe in its middle, no bit flipped, in lower case (RFC 9039 4.1):
    "urn:dev:mac:0024befffe804ff1".
    """
    assert len(mac) == 6
    eui64 = mac[:3] + b"\xff\xfe" + mac[3:]
    return "urn:dev:mac:" + str(binascii.hexlify(eui64), "ascii")
