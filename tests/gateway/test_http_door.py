"""The HTTP port: tokens and roles, TLS, bounds, and what strangers get to see."""

import asyncio
import http.client
import json
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway import http_door
from gateway.api import new_api
from gateway.doors import ROLES, Role, is_local, needed_role
from gateway.http_connections import CONNECTIONS_MAX, SOCKETS_MAX
from gateway.settings import SettingsError
from gateway.tokens import Tokens
from tests.gateway.certificates import authority, certificate
from tests.gateway.coap_street import run
from tests.gateway.service_street import client, running, until

LISTEN = '[http]\nlisten = "127.0.0.1:0"\n'
RESUME = json.dumps({"node": "lamp", "operation": "resume"})


class Port:
    """An open HTTP port, its gateway, and a token of each role."""

    def __init__(self, gateway, number, context=None, coap=0):
        self.gateway = gateway
        self.coap = coap
        self.number = number
        self.context = context
        self.tokens = Tokens(gateway.settings.http.tokens_file)
        self.token = {role: self.tokens.add(role.word, role) for role in Role}

    async def ask(self, method, path, token=None, body=None, scheme="Bearer "):
        """Return (status, headers, text) of one request."""
        headers = {"Authorization": scheme + token} if token else {}
        return await asyncio.to_thread(self._ask, method, path, headers, body)

    def _ask(self, method, path, headers, body):
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.number, timeout=60)
        else:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.number, timeout=60, context=self.context)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    async def status(self, role, method, path, body=None):
        return (await self.ask(method, path, self.token[role], body))[0]


@asynccontextmanager
async def opened(folder, text=LISTEN, context=None, refusal_s=0, **bounds):
    async with running(folder, text=text) as (gateway, coap):
        async with http_door.serving(gateway, refusal_s, **bounds) as number:
            yield Port(gateway, number, context, coap)


def with_port(folder, scenario, **options):
    async def go():
        async with opened(folder, **options) as port:
            return await scenario(port)

    return run(go())


def test_port_is_off_by_default(tmp_path):
    async def scenario(port):
        return port.number

    assert with_port(tmp_path, scenario, text="") == 0


@pytest.mark.parametrize("token", [None, "", "x", "faubourg_", "é" * 9])
def test_without_a_valid_token_nothing_is_served_nor_told(tmp_path, token):
    async def scenario(port):
        answers = [await port.ask(method, path, token and token.encode().decode("latin-1"))
                   for method, path in (("GET", "/v1/status"), ("GET", "/metrics"),
                                        ("POST", "/v1/commands"), ("GET", "/none"))]
        return answers, port.gateway.counters()["http: requests without token"]

    answers, refused = with_port(tmp_path, scenario)
    assert refused == 4
    for status, headers, text in answers:
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "error" in json.loads(text) and "Server" not in headers


def test_token_counts_in_its_scheme_alone_and_no_longer_once_it_is_removed(tmp_path):
    async def scenario(port):
        token = port.token[Role.VIEW]
        found = [(await port.ask("GET", "/v1/status", token))[0],
                 (await port.ask("GET", "/v1/status", token, scheme="bearer   "))[0],
                 (await port.ask("GET", "/v1/status", token, scheme="Basic "))[0]]
        port.tokens.remove("view")
        return [*found, (await port.ask("GET", "/v1/status", token))[0]]

    assert with_port(tmp_path, scenario) == [200, 200, 401, 401]


@pytest.mark.parametrize(("method", "path", "body", "least"), [
    ("GET", "/v1/status", None, Role.VIEW),
    ("GET", "/metrics", None, Role.VIEW),
    ("GET", "/v1/nodes", None, Role.VIEW),
    ("POST", "/v1/commands", RESUME, Role.OPERATE),
    ("POST", "/v1/nodes/lamp/operations", '{"operation": "ping"}', Role.OPERATE),
    ("GET", "/v1/nodes/lamp/observe?path=/3/0", None, Role.OPERATE),
    ("HEAD", "/v1/nodes/lamp/observe?path=/3/0", None, Role.OPERATE),
    ("HEAD", "/v1/audit", None, Role.ADMIN),
    ("POST", "/v1/buffer/replays", '{"uplink": "none"}', Role.ADMIN),
    ("GET", "/v1/audit", None, Role.ADMIN),
    ("GET", "/v1/tokens", None, None),
    ("POST", "/v1/tokens", '{"name": "x", "role": "admin"}', None),
    ("POST", "/v1/backup", "{}", None),
])
def test_each_role_may_do_what_is_its_own(tmp_path, method, path, body, least):
    async def scenario(port):
        return {role: await port.status(role, method, path, body) == 403 for role in Role}

    found = with_port(tmp_path, scenario)
    assert found == {role: least is None or role < least for role in Role}


def test_what_nobody_has_thought_of_is_for_administrators():
    assert needed_role("POST", "/v1/anything") == Role.ADMIN
    assert needed_role("DELETE", "/v1/nodes/{node}") == Role.ADMIN
    assert needed_role("GET", "/v1/keys/{endpoint}") == Role.ADMIN


def test_every_route_has_the_role_that_is_written_here():
    application = new_api(None).application(web.normalize_path_middleware())
    routes = {(route.method, route.resource.canonical)
              for route in application.router.routes() if route.method != "HEAD"}
    operating = {each for each in routes if needed_role(*each) == Role.OPERATE}
    assert operating == {
        ("POST", "/v1/nodes/{node}/operations"), ("GET", "/v1/nodes/{node}/observe"),
        ("POST", "/v1/commands"), ("DELETE", "/v1/commands/{id}")}
    viewing = {path for method, path in routes if needed_role(method, path) == Role.VIEW}
    assert viewing == {
        "/metrics", "/v1/status", "/v1/nodes", "/v1/nodes/{node}", "/v1/commands",
        "/v1/commands/{id}", "/v1/buffer", "/v1/buffer/readings", "/v1/buffer/verify",
        "/v1/buffer/ledger/{node}", "/v1/buffer/export"}
    assert {(way, path) for way, path in routes if is_local(way, path)} == {
        ("POST", "/v1/backup"), ("POST", "/v1/backup/kept"), ("POST", "/v1/keys"),
        ("POST", "/v1/keys/export"), ("GET", "/v1/tokens"), ("POST", "/v1/tokens"),
        ("DELETE", "/v1/tokens/{name}")}


def test_what_a_token_does_or_may_not_do_stands_in_the_audit_log_with_its_name(tmp_path):
    async def scenario(port):
        await port.ask("POST", "/v1/buffer/replays", port.token[Role.VIEW], "{}")
        await port.ask("DELETE", "/v1/commands/c1", port.token[Role.OPERATE])
        await port.ask("POST", "/v1/tokens", port.token[Role.ADMIN], "{}")
        return [(row.door, row.who, row.action, row.result.split(":")[0])
                for row in await port.gateway.audit.rows(None, 9)]

    assert with_port(tmp_path, scenario) == [
        ("http", "admin", "POST /v1/tokens", "refused"), ("http", "view", "replay", "refused")]


def test_what_a_token_may_not_do_names_the_node_and_look_ups_are_no_exception(tmp_path):
    async def scenario(port):
        async with client(port.coap) as node:
            await node.register("urn:x:lamp-7", links=b"</3416/0>")
        dim = json.dumps({"node": "lamp-7", "operation": "dim", "level": 0})
        for role, method, path, body in (
            (Role.VIEW, "POST", "/v1/commands", dim),
            (Role.OPERATE, "GET", "/v1/audit?node=lamp-7", None),
            (Role.OPERATE, "GET", "/v1/keys", None),
            (Role.VIEW, "GET", "/v1/nodes/lamp-7/observe?path=/3416/0/1", None),
            (Role.VIEW, "GET", "/v1/nodes", None),
            (Role.VIEW, "POST", "/v1/commands", '{"node": "lamp-7", "operation": "fly"}'),
        ):
            await port.status(role, method, path, body)
        rows = await port.gateway.audit.rows(None, 9)
        return [(row.who, row.action, row.endpoint) for row in reversed(rows)]

    assert with_port(tmp_path, scenario) == [
        ("view", "dim", "urn:x:lamp-7"), ("operate", "GET /v1/audit", "urn:x:lamp-7"),
        ("operate", "GET /v1/keys", None),
        ("view", "GET /v1/nodes/{node}/observe", "urn:x:lamp-7"),
        ("view", "POST /v1/commands", "urn:x:lamp-7")]


def test_address_of_the_port_stands_in_the_log(tmp_path, caplog):
    caplog.set_level("INFO", "gateway.http")

    async def scenario(port):
        return port.number

    number = with_port(tmp_path, scenario)
    assert f"listens on 127.0.0.1:{number}, without TLS" in caplog.text


def test_file_of_tokens_that_others_may_read_lets_nobody_in(tmp_path):
    async def scenario(port):
        (tmp_path / "data/tokens").chmod(0o640)
        return await port.status(Role.ADMIN, "GET", "/v1/status")

    assert with_port(tmp_path, scenario) == 401


def test_port_does_not_open_with_a_file_of_tokens_that_others_may_read(tmp_path):
    async def scenario():
        async with running(tmp_path, text=LISTEN) as (gateway, _):
            (tmp_path / "data/tokens").write_text("")
            (tmp_path / "data/tokens").chmod(0o644)
            async with http_door.serving(gateway):
                raise AssertionError("it must not open")

    with pytest.raises(SettingsError, match="http.tokens_file = .*0644.*chmod 600"):
        run(scenario())


def test_request_that_is_too_large_is_refused(tmp_path):
    async def scenario(port):
        token = port.token[Role.OPERATE]
        return [(await port.ask("POST", "/v1/commands", token, "x" * 300_000))[0],
                (await port.ask("GET", "/v1/status?" + "x" * 9000, token))[0]]

    assert with_port(tmp_path, scenario) == [413, 400]


async def connected(port, sent=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(sent)
    return reader, writer


async def is_ended(connection):
    try:
        return await connection[0].read(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n"])
def test_connection_that_sends_no_whole_request_is_ended(tmp_path, sent):
    async def scenario(port):
        return await is_ended(await connected(port, sent))

    assert with_port(tmp_path, scenario, request_s=0.05)


def test_body_that_does_not_come_ends_its_request(tmp_path):
    async def scenario(port):
        token = port.token[Role.OPERATE]
        head = (f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                f"Authorization: Bearer {token}\r\n\r\n")
        return await is_ended(await connected(port, head.encode()))

    assert with_port(tmp_path, scenario, request_s=0.05)


def test_connections_are_bounded_and_a_freed_place_is_used_again(tmp_path):
    async def scenario(port):
        held = [await connected(port) for _ in range(3)]
        refused = await is_ended(await connected(port))
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(60):
            while True:
                try:
                    return refused, await port.status(Role.VIEW, "GET", "/v1/status")
                except OSError:
                    await asyncio.sleep(0.01)

    assert with_port(tmp_path, scenario, connections_max=3) == (True, 200)
    assert CONNECTIONS_MAX <= 64


def test_who_guesses_wrong_waits_and_holds_up_nobody_who_has_a_token(tmp_path):
    async def scenario(port):
        request = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
        waiting = [await connected(port, request)
                   for _ in range(http_door.REFUSALS_WAITING_MAX)]
        async with asyncio.timeout(60):
            while port.gateway.http_counters["requests without token"] < len(waiting):
                await asyncio.sleep(0.01)
        honest = await port.status(Role.VIEW, "GET", "/v1/status")
        one_more = (await port.ask("GET", "/v1/status"))[0]
        are_answered = [not reader.at_eof() and bool(reader._buffer) for reader, _ in waiting]
        for _, writer in waiting:
            writer.close()
        return honest, one_more, any(are_answered)

    assert with_port(tmp_path, scenario, refusal_s=300) == (200, 401, False)


def tls_settings(folder, names=("127.0.0.1",)):
    """Return the settings of a port with a certificate, and a context that trusts it."""
    ca = authority(folder)
    certificate(folder, ca, "gateway", names)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    text = LISTEN + f'cert = "{folder}/gateway.pem"\nkey = "{folder}/gateway.key"\n'
    return text, context


def test_port_with_a_certificate_speaks_tls_alone(tmp_path):
    text, context = tls_settings(tmp_path)

    async def scenario(port):
        secure = await port.status(Role.VIEW, "GET", "/v1/status")
        reader, writer = await connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return secure, b"HTTP" in await reader.read()

    assert with_port(tmp_path, scenario, text=text, context=context) == (200, False)


def test_handshakes_that_are_never_finished_take_a_bounded_number_of_sockets(tmp_path):
    text, context = tls_settings(tmp_path)

    async def scenario(port):
        silent = [await connected(port, b"") for _ in range(SOCKETS_MAX + 9)]
        await until(lambda: port.gateway.counters().get("http: connections refused") == 9)
        # One that ends makes room.
        reader, writer = silent[0]
        writer.write_eof()
        await reader.read()
        status = await port.status(Role.VIEW, "GET", "/v1/status")
        for _, writer in silent:
            writer.close()
        return status

    assert with_port(tmp_path, scenario, text=text, context=context) == 200


def test_certificate_that_cannot_be_used_is_named_with_its_key(tmp_path):
    (tmp_path / "x.pem").write_text("none")
    text = LISTEN + 'cert = "x.pem"\nkey = "x.pem"\n'
    with pytest.raises(SettingsError, match='http.cert = ".*x.pem.*: cannot be used'):
        with_port(tmp_path, None, text=text)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "gateway.example:80",
                                    "127.0.0.1.example:80"])
def test_port_that_others_reach_is_refused_without_tls(tmp_path, listen):
    with pytest.raises(SettingsError, match="http.listen = .*TLS.*insecure = true"):
        with_port(tmp_path, None, text=f'[http]\nlisten = "{listen}"\n')


def test_port_that_is_meant_to_be_open_says_so_and_has_no_administrators(tmp_path):
    text = '[http]\nlisten = "0.0.0.0:0"\ninsecure = true\n'

    async def scenario(port):
        warnings = (await port.gateway.status()).warnings
        return (await port.status(Role.ADMIN, "GET", "/v1/audit"),
                await port.status(Role.ADMIN, "POST", "/v1/commands", RESUME), warnings)

    audit, command, warnings = with_port(tmp_path, scenario, text=text)
    assert audit == 403 and command != 403
    assert any("0.0.0.0:0" in each and "without TLS" in each for each in warnings)


def test_roles_are_the_three_of_the_settings():
    assert set(ROLES) == {"view", "operate", "admin"}
