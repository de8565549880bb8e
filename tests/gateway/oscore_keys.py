"""Credentials for tests, and contexts over an open store."""

from random import Random

from gateway.clock import SystemClock
from gateway.contexts import Contexts
from gateway.vault import Vault
from protocol.credentials import Credentials

VAULT_KEY = bytes(range(32))


def credentials_of_node(number, secret=0):
    """The keys of node `number`, as the node holds them."""
    kid = (2 * number).to_bytes(4, "big")
    salt = bytes((secret,)) * 8
    return Credentials(bytes((secret, number)) * 8, salt, kid, kid[:3] + bytes((kid[3] | 1,)))


async def opened(store, seed=1, key=VAULT_KEY):
    """Contexts over `store`, as a start of the gateway finds them."""
    contexts = Contexts(store, Vault(key), SystemClock(), Random(seed).randbytes)
    await contexts.open()
    return contexts
