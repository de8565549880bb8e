"""Keys made on a bench, carried to the gateway on site, and revoked there.

Real processes, one story: it is told once, and each test looks at one fact of it.
"""

from types import SimpleNamespace

import pytest

from gateway import private_file
from tests.ports import free_port
from tests.street.processes import until
from tests.street.secure_gateway import SecureGateway


@pytest.fixture(scope="module")
def story(processes, folder, new_node):
    found = SimpleNamespace()
    bench = SecureGateway(folder / "bench", free_port())
    site = SecureGateway(folder / "site", free_port(), '[keys]\nid_prefix = "0001"\n')
    processes += [bench, site]
    node = new_node("lamp", "lamp", 1, site.port, is_compiled=False, security="oscore")
    private_file.write_new(folder / "passphrase", b"correct horse battery staple")
    words = (folder / "street.keys", "--passphrase-file", folder / "passphrase")

    bench.start()
    bench.provision(node, folder / "lamp.keys")
    assert bench.faubourg("keys", "export", *words).returncode == 0
    bench.close()
    site.start()
    found.imported = site.faubourg("keys", "import", *words)
    found.at_first = site.keys()
    node.start()
    until(site.has_settled_keys, site.said)
    found.settled = site.keys()
    found.answer = site.read(node.endpoint, "/3/0/0")
    node.wait_for_another("ReadingsAcknowledged")

    found.revoked = site.faubourg("keys", "revoke", node.endpoint[-4:])
    found.state, found.packs, refused = site.state(node.endpoint), site.lines(), site.refused()
    until(lambda: site.refused() > refused, site.said)
    found.packs_afterwards, found.at_last = site.lines(), site.keys()
    return found


def test_imported_keys_protect_nothing_themselves(story):
    assert "imported the keys of 1 node" in story.imported.stdout
    assert [state for state, _, _ in story.at_first] == ["restored"]


def test_node_that_was_provisioned_elsewhere_gets_a_secret_of_this_gateways_own(story):
    (_, _, before), (state, is_renewed, after) = story.at_first[0], story.settled[0]
    assert (state, is_renewed) == ("current", False) and after > before
    assert story.answer == "Faubourg"


def test_revoked_node_is_gone_at_once_and_nothing_of_it_is_taken(story):
    assert story.revoked.returncode == 0, story.revoked.stderr
    assert story.state == "gone"
    # What it had acknowledged before may still have been on its way into the file.
    assert len(story.packs_afterwards) - len(story.packs) <= 1
    assert [state for state, _, _ in story.at_last] == ["revoked"]
