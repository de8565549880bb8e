"""The adapters against a real file system and real sockets, on CPython."""

import os
import socket
import stat

import pytest

from firmware.adapters.file_store import FileStore
from firmware.adapters.udp import LOOK_UP_AGAIN_MS, Udp
from firmware.adapters.uptime import Uptime

TICKS_PERIOD = 1 << 30


class ManualUptime:
    def __init__(self):
        self.ms = 0

    def now_ms(self):
        return self.ms


@pytest.fixture
def server():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


def test_what_was_written_is_read_by_the_next_boot(tmp_path):
    FileStore(str(tmp_path / "state")).write("saved", b"\x01\x02")
    assert FileStore(str(tmp_path / "state")).read("saved") == b"\x01\x02"


def test_missing_key_is_none_and_removing_it_does_nothing(tmp_path):
    store = FileStore(str(tmp_path / "state"))
    store.remove("saved")
    assert store.read("saved") is None


def test_write_that_fails_half_way_leaves_the_old_value(tmp_path, monkeypatch):
    store = FileStore(str(tmp_path / "state"))
    store.write("saved", b"old")

    def cut(source, target):
        raise OSError("power cut")

    monkeypatch.setattr(os, "rename", cut)
    with pytest.raises(OSError):
        store.write("saved", b"new")
    assert store.read("saved") == b"old"


def test_removed_key_is_gone(tmp_path):
    store = FileStore(str(tmp_path / "state"))
    store.write("saved", b"old")
    store.remove("saved")
    assert store.read("saved") is None


def test_datagrams_go_out_and_answers_come_from_the_peer_by_name(server):
    udp = Udp(ManualUptime())
    peer = ("localhost", server.getsockname()[1])
    udp.send(b"ping", peer)
    data, address = server.recvfrom(100)
    server.sendto(b"pong", address)
    assert data == b"ping"
    assert udp.receive(5000) == (b"pong", peer)
    udp.close()


def test_datagram_of_a_stranger_is_not_taken_for_the_peer(server):
    udp = Udp(ManualUptime())
    udp.send(b"ping", ("127.0.0.1", server.getsockname()[1]))
    _, address = server.recvfrom(100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.sendto(b"hello", address)
        assert udp.receive(5000) == (b"hello", stranger.getsockname())
    udp.close()


def test_peer_is_heard_after_a_datagram_to_it_could_not_be_sent(server):
    udp = Udp(ManualUptime())
    peer = ("localhost", server.getsockname()[1])
    udp.send(b"question", peer)
    own = server.recvfrom(100)[1]
    udp.send(bytes(70000), peer)
    assert udp.errors == 1
    server.sendto(b"answer", own)
    assert udp.receive(1000) == (b"answer", peer)
    udp.close()


def test_receiving_before_anything_was_sent_is_a_pause():
    assert Udp(ManualUptime()).receive(1) is None


def test_unknown_name_costs_the_datagram_only_and_is_tried_again_later():
    uptime = ManualUptime()
    udp = Udp(uptime)
    for _ in range(3):
        udp.send(b"ping", ("no.such.name.invalid", 5683))
    assert udp.errors == 4
    uptime.ms = 10000
    udp.send(b"ping", ("no.such.name.invalid", 5683))
    assert udp.errors == 6


def test_silent_address_is_looked_up_again_and_a_heard_one_is_not(server, monkeypatch):
    uptime = ManualUptime()
    udp = Udp(uptime)
    looked_up = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a: looked_up.append(a) or real(*a))
    peer = ("127.0.0.1", server.getsockname()[1])
    udp.send(b"1", peer)
    _, address = server.recvfrom(100)
    uptime.ms = LOOK_UP_AGAIN_MS - 1
    server.sendto(b"heard", address)
    udp.receive(5000)
    uptime.ms += 2
    udp.send(b"2", peer)
    assert len(looked_up) == 1
    uptime.ms += LOOK_UP_AGAIN_MS
    udp.send(b"3", peer)
    assert len(looked_up) == 2
    udp.close()


def test_uptime_goes_on_when_the_ticks_wrap():
    ticks = [TICKS_PERIOD - 50]

    def difference(later, earlier):
        half = TICKS_PERIOD // 2
        return (later - earlier + half) % TICKS_PERIOD - half

    uptime = Uptime(lambda: ticks[0] % TICKS_PERIOD, difference)
    readings = []
    for _ in range(5):
        readings.append(uptime.now_ms())
        ticks[0] += 100_000_000
    assert readings == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000]


def test_uptime_of_cpython_never_falls():
    uptime = Uptime()
    assert uptime.now_ms() <= uptime.now_ms()


def test_what_was_appended_is_behind_what_was_there(tmp_path):
    store = FileStore(str(tmp_path / "state"))
    store.append("jm000000", b"\x01")
    store.append("jm000000", b"\x02\x03")
    assert FileStore(str(tmp_path / "state")).read("jm000000") == b"\x01\x02\x03"


def test_a_new_file_is_durable_with_its_folder(tmp_path, monkeypatch):
    store = FileStore(str(tmp_path / "state"))
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_mode))
    store.append("jm000000", b"\x01")
    assert [stat.S_ISDIR(mode) for mode in synced] == [False, True]
    store.append("jm000000", b"\x02")
    assert [stat.S_ISDIR(mode) for mode in synced[2:]] == [False]


def test_keys_are_found_by_how_they_begin_and_unfinished_writes_are_none(tmp_path):
    store = FileStore(str(tmp_path / "state"))
    store.append("jm000000", b"\x01")
    store.write("jm000001", b"\x01")
    store.write("lost", b"\x01")
    (tmp_path / "state" / "jm000002.new").write_bytes(b"")
    assert sorted(store.keys("jm")) == ["jm000000", "jm000001"]
