"""The management socket: made in time, closed to others, gone at the end, refused in words."""

import asyncio
import stat
from types import SimpleNamespace

import pytest

from gateway import api
from gateway.settings import SettingsError

GATEWAY = SimpleNamespace()


def test_socket_is_open_to_its_owner_alone_and_gone_at_the_end(tmp_path):
    path = tmp_path / "faubourg.sock"

    async def serve():
        async with api.serving(GATEWAY, str(path), ""):
            return stat.S_IMODE(path.stat().st_mode)

    assert asyncio.run(serve()) == 0o600
    assert not path.exists()


def test_socket_that_a_dead_gateway_left_behind_is_replaced(tmp_path):
    path = tmp_path / "faubourg.sock"
    path.write_text("")

    async def serve():
        async with api.serving(GATEWAY, str(path), ""):
            return stat.S_ISSOCK(path.stat().st_mode)

    assert asyncio.run(serve())


def test_impossible_place_for_the_socket_is_named_with_its_key(tmp_path):
    path = tmp_path / "none" / "faubourg.sock"

    async def serve():
        async with api.serving(GATEWAY, str(path), ""):
            raise AssertionError("it must not start")

    with pytest.raises(SettingsError, match="management.socket = .*/faubourg.sock: No such"):
        asyncio.run(serve())
