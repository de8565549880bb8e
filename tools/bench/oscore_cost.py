"""What OSCORE costs a node: instructions per message on i386, and bytes per message.

Instructions are counted by callgrind, as the difference between MANY and FEW calls, so that start
and imports do not count. An ESP32 at 240 MHz takes 6 to 9 ms for a million of them: an estimate,
from scores that MicroPython's own benchmarks have published for it, not a measurement.
"""

import sys

from protocol import coap_message as coap
from protocol import oscore
from protocol.oscore import RequestId, SecurityContext
from simulator.aes import aes
from tools import callgrind, figures
from tools.bench.report_size import CONTEXT, GATEWAY_ID, NODE_ID, SEQUENCE, largest_send

FEW, MANY = 4, 24
# Of a million instructions on i386, in ms on an ESP32.
ESP32_MS_LEAST, ESP32_MS_MOST = 6, 9
# Runs in MicroPython: an operation, a payload's length, how often.
PROGRAM = """
import sys
from firmware.adapters.aes import aes
from protocol import coap_message as coap
from protocol import oscore
from protocol.oscore import RequestId, SecurityContext
from tests.protocol.oscore_peer import option_of

operation, length, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ids = b"\\x00\\x01\\x02\\x04", b"\\x00\\x01\\x02\\x05"

def context(mine, other):
    return SecurityContext(aes, bytes(range(16)), bytes(8), mine, other)

node, gateway = context(*ids), context(*reversed(ids))
path = [(coap.URI_PATH, b"dp"), (coap.CONTENT_FORMAT, b"\\x70")]
request = coap.Message(coap.CON, coap.POST, 1, b"token", path, bytes(length))
options = [(coap.CONTENT_FORMAT, b"\\x70")]
response = coap.Message(coap.ACK, coap.CONTENT, 1, b"token", options, bytes(length))
asked, request_id = oscore.protect_request(gateway, request, 70000)
answer = oscore.protect_response(gateway, response, RequestId(ids[0], b"\\x01\\x02"))

def protect_request():
    oscore.protect_request(node, request, 70000)

def unprotect_request():
    oscore.unprotect_request(node, asked, option_of(asked))

def protect_response():
    oscore.protect_response(node, response, RequestId(ids[1], b"\\x01\\x02"))

def unprotect_response():
    oscore.unprotect_response(node, answer, option_of(answer), RequestId(ids[0], b"\\x01\\x02"))

def derive():
    context(*ids)

call = globals()[operation]
for _ in range(count):
    call()
"""
OPERATIONS = ("protect_request", "unprotect_request", "protect_response", "unprotect_response")
LENGTHS = (0, 16, 100, 1024)


def cost(counter: callgrind.Callgrind, operation: str, length: int) -> int:
    """Return the instructions of one call."""
    few, many = (counter.instructions(PROGRAM, operation, str(length), str(count))
                 for count in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def cost_rows(counter: callgrind.Callgrind, report_length: int) -> list[dict]:
    """Return a row per operation and length of payload."""
    rows = []
    for operation, lengths in (*((name, (*LENGTHS, report_length)) for name in OPERATIONS),
                               ("derive", (0,))):
        for length in lengths:
            count = cost(counter, operation, length)
            rows.append({
                "operation": operation.replace("_", " "), "payload bytes": length,
                "i386 instructions": count,
                "ESP32 ms, estimate":
                    f"{count * ESP32_MS_LEAST / 1e6:.1f} to {count * ESP32_MS_MOST / 1e6:.1f}"})
    return rows


def size_rows(send: bytes) -> list[dict]:
    """Return what a lamp's largest report and its answer weigh, plain and protected."""
    node, gateway = CONTEXT, SecurityContext(aes, bytes(16), bytes(8), GATEWAY_ID, NODE_ID)
    report = coap.decode(send)
    answer = coap.Message(coap.ACK, coap.CHANGED, report.mid, report.token)
    notification = coap.Message(coap.CON, coap.CONTENT, report.mid, report.token,
                                [(coap.OBSERVE, b"\x01\x02"), (coap.CONTENT_FORMAT, b"p")], b"21")
    piv = oscore.encode_sequence(SEQUENCE)
    protected = (
        ("a lamp's report", report, oscore.protect_request(node, report, SEQUENCE)[0]),
        ("its answer", answer, oscore.protect_response(gateway, answer, RequestId(NODE_ID, piv))),
        ("a notification", notification,
         oscore.protect_response(node, notification, RequestId(GATEWAY_ID, piv), SEQUENCE)))
    rows = []
    for name, plain, outer in protected:
        before, after = len(coap.encode(plain)), len(coap.encode(outer))
        rows.append({"message": name, "plain bytes": before, "protected bytes": after,
                     "more": after - before})
    return rows


def main() -> int:
    send = largest_send("lamp")
    figures.publish("oscore_size", size_rows(send))
    try:
        rows = cost_rows(callgrind.Callgrind(), len(coap.decode(send).payload))
    except callgrind.NotCountable as error:
        print(f"oscore_cost: instructions cannot be counted on this machine: {error}")
        return 1
    figures.publish("oscore_cost", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
