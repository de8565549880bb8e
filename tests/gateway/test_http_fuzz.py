"""Requests that nobody would write: refused in words, never a fault of ours."""

import json
import random

import pytest

from gateway.doors import Role
from gateway.operations import KINDS
from tests.full_size import is_full_size
from tests.gateway.service_street import Fixed, client
from tests.gateway.test_http_door import LISTEN, with_port

TEXTS = ("", "lamp", "dim", "resume", "write", "execute", "read", "create", "write-composite",
         "/3416/0/1", "/3/0/15", "/0/0", "/42802/0/0", "/", "//", "\ud800", "\0", "é", "1e9", "-1",
         "dimming-level", "/65535/65535/65535/65535", "x" * 300, "%", "NaN", "0='a'")
COMMAND = ("path", "value", "level", "for_s", "expires_s", "id")
OPERATION = ("path", "paths", "value", "values", "arguments", "attributes", "is_replacing")
REPLAY = ("uplink", "node", "from_ms", "to_ms", "lane", "first_id", "last_id")
WELL_FORMED = (
    ("/v1/commands", ("dim", "resume", "write", "execute"), COMMAND),
    ("/v1/nodes/lamp/operations", KINDS, OPERATION),
    ("/v1/buffer/replays", ("file",), REPLAY),
)
OTHERS = (
    ("POST", "/v1/tokens"), ("POST", "/v1/nodes/%00/operations"), ("POST", "/v1/keys"),
    ("DELETE", "/v1/commands/%ED%A0%80"), ("GET", "/v1/commands/x?wait_s=nan"),
    ("DELETE", "/v1/buffer/replays/99999999999999999999"), ("DELETE", "/v1/keys/%00"),
    ("GET", "/v1/nodes/lamp/observe?path=%00"), ("GET", "/v1/nodes/lamp/observe?for_s=inf"),
    ("GET", "/v1/audit?limit=0"), ("GET", "/v1/audit?node=%ED%A0%80"),
    ("GET", "/v1/buffer/export?from_ms=-1"), ("GET", "/v1/buffer/readings?limit=%D9%A3"),
    ("GET", "/v1/buffer/ledger/%ED%A0%80"), ("POST", "/%2e%2e/%2e%2e"), ("PUT", "/v1/nodes"),
)


def value(draw, depth=0):
    kind = draw.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return draw.choice(TEXTS)
    if kind == 2:
        return draw.choice((0, -1, 1 << 70, 3.5, 1e308, float("nan"), float("inf"), 101))
    if kind == 3:
        return draw.choice((None, True, False))
    if kind < 6:
        return draw.choice(TEXTS)
    if kind == 6:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(TEXTS): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def request(draw):
    """Return (method, path, body) of a request, half of them well formed but for their values."""
    if draw.randrange(2):
        body = draw.choice((draw.randbytes(draw.randrange(60)), json.dumps(value(draw)).encode()))
        return *draw.choice(OTHERS), body
    path, operations, keys = draw.choice(WELL_FORMED)
    fields = {key: value(draw) for key in draw.sample(keys, draw.randrange(len(keys)))}
    if "path" in keys and draw.randrange(3):
        fields["path"] = draw.choice(("/3416/0/1", "/3/0/15", "/3416/0", "/42802/0/0"))
    known = {"uplink": "file"} if keys is REPLAY else {"operation": draw.choice(operations)}
    known |= {"node": "lamp"} if keys is COMMAND else {}
    return "POST", path, json.dumps(fields | known).encode()


def test_request_that_nobody_would_write_is_no_fault_of_ours(tmp_path, caplog):
    draw = random.Random(4)
    count = 20_000 if is_full_size() else 600

    async def scenario(port):
        answers = set()
        objects = {("3416", "0", "1"): Fixed(b"1"), ("3", "0", "15"): Fixed(b"CET")}
        async with client(port.gateway.addresses()[0][1], objects) as lamp:
            await lamp.register("lamp", links=b"</3/0>,</3416/0>")
            for _ in range(count):
                method, path, body = request(draw)
                status, _, text = await port.ask(method, path, port.token[Role.ADMIN], body)
                answers.add(status)
                assert status < 500 or status in (503, 504), (method, path, body, text)
        return answers

    assert {200, 202, 400, 403, 404, 409, 422} <= with_port(tmp_path, scenario, text=LISTEN)
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("sent", [b"[" * 200_000, b'{"a":' * 40_000, b"\xff" * 99, b"9" * 9999,
                                  b'{"node": "lamp", "operation": "dim", "level": ' + b"9" * 5000])
def test_body_that_is_no_json_within_reason_is_refused(tmp_path, sent):
    async def scenario(port):
        return (await port.ask("POST", "/v1/commands", port.token[Role.ADMIN], sent))[0]

    assert with_port(tmp_path, scenario) == 400
