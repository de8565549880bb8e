"""A gateway that dies, one out of its backup in its place, and the dead one switched on again.

Real processes, one story: it is told once, and each test looks at one fact of it.
"""

import base64
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway import private_file
from gateway.cli.connection import ApiError
from protocol import credentials
from tests.street.processes import until
from tests.street.secure_gateway import SecureGateway
from tests.street.subscriber import file_readings, told

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def story(processes, folder, new_node, new_gateway):
    found = SimpleNamespace(folder=folder)
    old = found.old = SecureGateway(folder / "old", new_gateway("unused").port)
    processes.append(old)
    node = found.node = new_node("lamp", "lamp", 1, old.port, is_compiled=False,
                                   security="oscore")
    passphrase = folder / "passphrase"
    private_file.write_new(passphrase, PASSPHRASE.encode())
    old.start()
    old.provision(node, folder / "lamp.keys")
    node.start()
    node.wait_for_another("ReadingsAcknowledged")
    found.backup = old.faubourg("backup", folder / "backup", "--passphrase-file", passphrase)
    node.wait_for_another("ReadingsAcknowledged")
    found.processes = [of_process(each) for each in (old, node)]
    old.close()

    new = found.new = SecureGateway(folder / "new", old.port)
    processes.append(new)
    new.config.unlink()
    found.restored = new.faubourg("restore", folder / "backup", "--config", new.config,
                                  "--passphrase-file", passphrase)
    # It would have fresh keys before anybody could look.
    node.pause()
    new.start()
    found.first_keys = new.keys()
    node.go_on()
    until(new.has_settled_keys, new.said)
    found.answer = new.read(node.endpoint, "/3/0/0")
    node.wait_for_another("ReadingsAcknowledged")
    new.end(signal.SIGINT)

    switch_on_again(found)
    found.starts = len(node.events("Started"))
    # What the old one refused the node would send again after MAX_TRANSMIT_WAIT, 93 s.
    node.close()
    new.start()
    node.start()
    node.wait_for_another("ReadingsAcknowledged")
    found.last_keys = new.keys()
    found.rotation = new.faubourg("keys", "rotate", node.endpoint[-4:], "--wait")
    found.rotated_keys = new.keys()
    node.wait_for_another("ReadingsAcknowledged")
    node.end(signal.SIGINT)
    found.explained = new.faubourg("buffer", "explain", node.endpoint)
    new.end(signal.SIGINT)
    return found


def switch_on_again(story):
    """Have the dead gateway live as long as the node tries it and it tries the node."""
    old, node = story.old, story.node
    story.before = len(old.lines())
    old.start()
    with pytest.raises(ApiError):
        old.operate(node.endpoint, "write", "/3416/0/49", value=77, timeout_s=5)
    until(old.refused, old.said)
    story.strangers, story.after = old.refused(), len(old.lines())
    old.close()


def of_process(process):
    """What anybody on the machine can see of a process, or its own account."""
    of_it = Path("/proc", str(process._process.pid))
    return (of_it / "cmdline").read_bytes() + (of_it / "environ").read_bytes()


def test_backup_and_restoration_say_that_they_are_done(story):
    assert story.backup.returncode == story.restored.returncode == 0
    assert "Nodes whose keys came along: 1." in story.restored.stdout
    assert (story.folder / "new/gateway.toml").read_text() == (
        story.folder / "old/gateway.toml").read_text()


def test_restored_keys_protect_nothing_until_the_node_has_fresh_ones(story):
    assert [state for state, _, _ in story.first_keys] == ["restored"]
    assert story.answer == "Faubourg"


def test_node_went_over_to_a_secret_that_the_old_gateway_never_had(story):
    assert story.last_keys[0][2] > min(made for _, _, made in story.first_keys)


def test_old_gateway_that_comes_back_reaches_the_node_no_more(story):
    assert story.strangers and story.after == story.before
    said = [event for event in story.node.events() if event.get("value") == 77]
    assert not said


def test_node_came_back_without_a_visit_and_without_a_restart(story):
    assert story.starts == 1


def test_rotation_in_service_gives_the_node_another_secret(story):
    assert story.rotation.returncode == 0, story.rotation.stderr
    assert "it has new keys" in story.rotation.stdout
    (before,), (after,) = story.last_keys, story.rotated_keys
    assert before[:2] == after[:2] == ("current", False) and after[2] > before[2]


def test_no_reading_is_lost_and_none_counts_twice(story):
    old, new = dict(file_readings(story.old)), dict(file_readings(story.new))
    assert set(told(story.node)) <= set(old) | set(new)
    for key in set(old) & set(new):
        assert old[key] == new[key]


def test_what_the_old_gateway_took_after_the_backup_is_explained(story):
    assert story.explained.returncode == 0, story.explained.stdout
    assert "elsewhere" in story.explained.stdout


def test_nothing_that_was_written_or_said_shows_the_secret(story):
    given = credentials.decode((story.folder / "lamp.keys").read_bytes())
    written = {path: path.read_bytes() for path in story.folder.rglob("*") if path.is_file()}
    # The node's own file and store are the places for it.
    shown = [data for path, data in written.items()
             if path.name != "lamp.keys" and "state" not in path.parts]
    shown += story.processes
    shown += [output.encode() for output in story.old.outputs + story.new.outputs]
    assert len(shown) > 10
    for data in shown:
        for secret in (given.master_secret, given.master_salt):
            shapes = (secret, secret.hex().encode(), base64.b64encode(secret)[:-4])
            assert not any(shape in data for shape in shapes)
        assert PASSPHRASE.encode() not in data or data == PASSPHRASE.encode()


def test_everything_that_the_gateways_keep_is_open_to_its_owner_alone(story):
    for folder in (story.folder / "old/data", story.folder / "new/data"):
        kept = [path for path in folder.iterdir() if path.is_file()]
        wide = [path.name for path in kept if path.stat().st_mode & 0o077]
        assert set(wide) <= {"readings.jsonl"}
