"""The gateway's settings: a TOML file as frozen structs; `docs/gateway.toml` explains each key."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from gateway.settings_doors import Http, UplinkCommands, check_commands, check_http
from gateway.settings_table import SettingsError, convert

__all__ = ["Settings", "SettingsError", "load", "parse"]

Name = Annotated[str, Meta(pattern=r"^[^\x00-\x1f]{1,64}$", description="1 to 64 characters")]
FilePath = Annotated[str, Meta(min_length=1, description="a path, relative to this file's folder")]
OptionalPath = Annotated[str, Meta(description="a path, relative to this file's folder")]
HostAndPort = Annotated[
    str,
    Meta(
        pattern=r"^([^\s:\[\]]+|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5}$",
        description='"host:port" or "[IPv6 address]:port"',
    ),
]
MqttUrl = Annotated[
    str,
    Meta(
        pattern=r"^mqtts?://([^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$",
        description='"mqtt://host[:port]" or "mqtts://host[:port]"',
    ),
]


class _Table(Struct, frozen=True):
    pass


class Gateway(_Table):
    """`[gateway]`: who it is, where it listens, where it keeps its data."""

    id: Name
    data: FilePath
    listen: HostAndPort = "127.0.0.1:5683"
    security: Literal["oscore", "none"] = "oscore"
    time: Literal["ntp", "system", "scaled"] = "ntp"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class ScaledTime(_Table):
    """`[scaled_time]`: a demo's time of day; at Unix time `real_s` it shows `shown_s`."""

    real_s: Annotated[int, Meta(ge=0, description="Unix seconds")]
    shown_s: Annotated[int, Meta(ge=0, description="Unix seconds")]
    speed: Annotated[int, Meta(ge=1, le=10_000)] = 1


class Management(_Table):
    """`[management]`: the socket of the command line."""

    socket: OptionalPath = ""  # "": faubourg.sock in the data folder
    group: Annotated[str, Meta(description="a group of this machine, or nothing")] = ""


class Keys(_Table):
    """`[keys]`: the nodes' keys, how they are numbered and what they are sealed under."""

    id_prefix: Annotated[
        str, Meta(pattern=r"^[0-9a-f]{4}$", description="4 hex digits in lower case")
    ] = "0000"
    key_file: OptionalPath = ""  # "": keys.key in the data folder


class Commit(_Table):
    """`[commit]`: how long an acknowledgement may wait for its commit."""

    urgent_ms: Annotated[int, Meta(ge=0, le=1000)] = 50
    measurement_ms: Annotated[int, Meta(ge=0, le=5000)] = 1000


class Limits(_Table):
    """`[limits]`: what bounds the gateway's tables."""

    nodes_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000
    payload_bytes_max: Annotated[int, Meta(ge=1024, le=16_777_216)] = 65_536
    commands_per_node_max: Annotated[int, Meta(ge=1, le=10_000)] = 32
    command_expires_s: Annotated[int, Meta(ge=1, le=31_536_000)] = 86_400
    replay_window_h: Annotated[int, Meta(ge=0, le=8760)] = 168
    awake_window_s: Annotated[int, Meta(ge=1, le=3600)] = 93


Hours = Annotated[int, Meta(ge=1, le=87_600)]


class AgeMax(_Table):
    """`[buffer.age_max_h]`: how old a reading may become, delivered or not, by its class."""

    alarm: Hours = 87_600
    event: Hours = 87_600
    measurement: Hours = 87_600


class Buffer(_Table):
    """`[buffer]`: the bounds of the store, and what it leaves free of the disk."""

    size_max_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 1 << 30
    disk_reserve_bytes: Annotated[int, Meta(ge=0, le=1 << 40)] = 64 << 20
    age_max_h: AgeMax = AgeMax()


class FileUplink(_Table):
    """`[uplink.NAME]` with `type = "file"`: SenML JSON lines."""

    type: Literal["file"] = "file"
    path: FilePath = "readings.jsonl"  # relative to the data folder
    rotate_bytes: Annotated[int, Meta(ge=4096, le=1 << 40)] = 67_108_864
    keep: Annotated[int, Meta(ge=0, le=9999)] = 8


class Tls(_Table):
    """`[uplink.NAME.tls]`: PEM files; without `ca` the machine's own authorities count."""

    ca: OptionalPath = ""
    cert: OptionalPath = ""
    key: OptionalPath = ""


class MqttUplink(_Table, kw_only=True):
    """`[uplink.NAME]` with `type = "mqtt"`: MQTT 5, QoS 1."""

    type: Literal["mqtt"] = "mqtt"
    url: MqttUrl
    client_id: Annotated[str, Meta(max_length=128, description="up to 128 characters")] = ""
    ack: Literal["broker", "application"] = "broker"
    ack_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    username: str = ""
    password_file: OptionalPath = ""
    tls: Tls = Tls()
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 25
    session_expiry_s: Annotated[int, Meta(ge=0, le=4_294_967_295)] = 259_200
    window: Annotated[int, Meta(ge=1, le=1000)] = 100
    messages_per_s: Annotated[int, Meta(ge=1, le=100_000)] = 500
    commands: UplinkCommands = UplinkCommands()

    @property
    def is_encrypted(self) -> bool:
        """Return whether the URL asks for TLS."""
        return self.url.startswith("mqtts:")

    @property
    def host(self) -> str:
        """Return the broker's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Return the broker's port: 1883, or 8883 with TLS, where the URL names none."""
        return urlsplit(self.url).port or (8883 if self.is_encrypted else 1883)


UPLINK_KINDS = {"file": FileUplink, "mqtt": MqttUplink}


class Settings(_Table):
    """The whole file."""

    gateway: Gateway
    scaled_time: ScaledTime | None = None
    management: Management = Management()
    http: Http = Http()
    keys: Keys = Keys()
    commit: Commit = Commit()
    limits: Limits = Limits()
    buffer: Buffer = Buffer()
    uplink: dict[str, Any] = {}  # by name: FileUplink or MqttUplink; none given: one file


def load(path: str | Path) -> Settings:
    """Return the settings in the TOML file at `path`; relative paths in it start at its folder.

    Raises SettingsError, which names key, value and what is allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    return parse(text, path.absolute().parent, str(path))


def parse(text: str, folder: Path, source: str = "settings") -> Settings:
    """Return the settings in the TOML `text`, with every path made absolute from `folder`.

    `source` is what an error calls a text that is no TOML.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = 'text needs quotes: id = "quai-monge"'
        raise SettingsError(f"{source}: not TOML: {error}; {hint}") from error
    settings = convert(document, Settings, "")
    tables = settings.uplink or {"file": {"type": "file"}}
    uplinks = {name: _uplink(table, name) for name, table in tables.items()}
    settings = msgspec.structs.replace(settings, uplink=uplinks)
    _check(settings)
    return _with_absolute_paths(settings, folder)


def _uplink(table: object, name: str) -> FileUplink | MqttUplink:
    key = f"uplink.{name}"
    if not isinstance(table, dict):
        raise SettingsError.of(key, table, f"allowed is a table [{key}]")
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in UPLINK_KINDS:
        allowed = " or ".join(f'"{name}"' for name in UPLINK_KINDS)
        raise SettingsError.of(f"{key}.type", kind, "allowed is " + allowed)
    return convert(table, UPLINK_KINDS[kind], key)


def mqtt(table: dict[str, object], key: str) -> MqttUplink:
    """Return the settings of a broker in `table`, for a program that is no gateway."""
    uplink = convert(table, MqttUplink, key)
    _check_mqtt(key, uplink)
    return uplink


def _check(settings: Settings) -> None:
    gateway = settings.gateway
    _check_port("gateway.listen", gateway.listen, gateway.listen.rpartition(":")[2])
    if (gateway.time == "scaled") != (settings.scaled_time is not None):
        reason = 'allowed is "scaled" together with a table [scaled_time], or neither'
        raise SettingsError.of("gateway.time", gateway.time, reason)
    check_http(settings.http)
    for name, uplink in settings.uplink.items():
        if isinstance(uplink, MqttUplink):
            _check_mqtt(f"uplink.{name}", uplink)


def _check_mqtt(key: str, uplink: MqttUplink) -> None:
    _check_port(f"{key}.url", uplink.url, uplink.url.rstrip("/").rpartition(":")[2])
    if uplink.password_file and not uplink.username:
        raise SettingsError.of(f"{key}.username", "", "allowed is a name, with password_file")
    if uplink.tls != Tls() and not uplink.is_encrypted:
        raise SettingsError.of(f"{key}.url", uplink.url, "allowed with tls is mqtts://")
    if bool(uplink.tls.cert) != bool(uplink.tls.key):
        remark = "allowed are cert and key together, or neither"
        raise SettingsError.of(f"{key}.tls.cert", uplink.tls.cert, remark)
    check_commands(f"{key}.commands", uplink.commands)


def _check_port(key: str, value: str, port: str) -> None:
    if port.isdigit() and int(port) > 65535:
        raise SettingsError.of(key, value, "allowed are ports 0 to 65535")


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    def absolute(path: str, start: Path = folder) -> str:
        return str(start / path) if path else ""

    replace = msgspec.structs.replace
    data = absolute(settings.gateway.data)
    uplinks = {}
    for name, uplink in settings.uplink.items():
        if isinstance(uplink, FileUplink):
            uplinks[name] = replace(uplink, path=absolute(uplink.path, Path(data)))
        else:
            files = msgspec.structs.asdict(uplink.tls)
            tls = Tls(**{key: absolute(file) for key, file in files.items()})
            password_file = absolute(uplink.password_file)
            uplinks[name] = replace(uplink, password_file=password_file, tls=tls)
    socket = absolute(settings.management.socket) or absolute("faubourg.sock", Path(data))
    key_file = absolute(settings.keys.key_file) or absolute("keys.key", Path(data))
    http = settings.http
    http = replace(
        http, cert=absolute(http.cert), key=absolute(http.key),
        tokens_file=absolute(http.tokens_file) or absolute("tokens", Path(data)),
    )  # fmt: skip
    return replace(
        settings,
        http=http,
        gateway=replace(settings.gateway, data=data),
        keys=replace(settings.keys, key_file=key_file),
        management=replace(settings.management, socket=socket),
        uplink=uplinks,
    )
