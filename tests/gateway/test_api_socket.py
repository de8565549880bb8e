"""The management socket: made in time, closed to others, gone at the end, refused in words."""

import asyncio
import grp
import os
import pwd
import stat
from types import SimpleNamespace

import pytest

from gateway import api
from gateway.doors import user_at
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


def test_socket_that_a_group_may_use_is_that_groups_and_nobody_elses(tmp_path):
    path = tmp_path / "faubourg.sock"
    group = grp.getgrgid(os.getgid()).gr_name

    async def serve():
        async with api.serving(GATEWAY, str(path), group):
            return stat.S_IMODE(path.stat().st_mode), path.stat().st_gid

    assert asyncio.run(serve()) == (0o660, os.getgid())


@pytest.mark.parametrize("mode", [0o777, 0o773])
def test_folder_in_which_anybody_could_swap_the_socket_is_refused(tmp_path, mode):
    folder = tmp_path / "open" / "inner"
    folder.mkdir(parents=True)
    folder.parent.chmod(mode)

    async def serve():
        async with api.serving(GATEWAY, str(folder / "faubourg.sock"), ""):
            raise AssertionError("it must not start")

    with pytest.raises(SettingsError, match="anybody may write to .*/open; do 'chmod o-w"):
        asyncio.run(serve())


def test_folder_that_is_sticky_is_as_good_as_the_machines_own(tmp_path):
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)

    async def serve():
        async with api.serving(GATEWAY, str(folder / "faubourg.sock"), ""):
            return True

    assert asyncio.run(serve())


def test_user_at_the_other_end_is_known_by_the_kernels_word(tmp_path):
    path = str(tmp_path / "faubourg.sock")

    async def serve():
        known = asyncio.get_running_loop().create_future()
        server = await asyncio.start_unix_server(
            lambda reader, writer: known.set_result(user_at(writer.transport)), path)
        async with server:
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
            return await known

    assert asyncio.run(serve()) == pwd.getpwuid(os.getuid()).pw_name
