"""aiocoap's own OSCORE, client and server (RFC 8613), for peers that are not ours."""

import sys
import types

# EDHOC, which nobody here speaks, is the only user of this Rust package, which there is not for
# every platform; aiocoap imports it unconditionally.
sys.modules.setdefault("lakers", types.ModuleType("lakers"))

import aiocoap
from aiocoap import oscore
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.transports.oscore import OSCOREAddress

__all__ = ["OSCOREAddress", "OscoreSiteWrapper", "PeerContext", "ReadingContext", "add", "serving"]

WINDOW_SIZE = 32
# In this order: the other way round, requests go out unprotected without a word.
TRANSPORTS = ["oscore", "udp6"]


class PeerContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """A context that begins with number 0 and an empty window, in memory alone.

    `credentials` are its holder's (protocol.credentials). With `echo` the window is not
    initialised: the first request is challenged (RFC 8613 B.1.2).
    """

    alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
    hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
    authenticated_claims = ()

    def __init__(self, credentials, echo=None):
        self.sender_id, self.recipient_id = credentials.sender_id, credentials.recipient_id
        self.id_context = credentials.id_context
        self.derive_keys(credentials.master_salt, credentials.master_secret)
        self.sender_sequence_number = 0
        self.echo_recovery = echo
        self.recipient_replay_window = oscore.ReplayWindow(WINDOW_SIZE, lambda: None)
        if echo is None:
            self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        """Keep nothing: the context ends with its process."""

    def find_all_used_contextless_oscore_kid(self):
        return {self.recipient_id}


class ReadingContext(PeerContext):
    """One that reads what passes between others: every message, however often it comes."""

    def __init__(self, credentials):
        super().__init__(credentials)
        self.recipient_replay_window = AnyNumber(WINDOW_SIZE, lambda: None)


class AnyNumber(oscore.ReplayWindow):
    def is_initialized(self):
        return True

    def is_valid(self, number):
        return True

    def strike_out(self, number):
        pass


async def serving(site, bind, context=None):
    """Return an aiocoap.Context, client and server on one socket, that serves `site` at `bind`.

    With a PeerContext all of its requests go protected by it, and requests under it are served;
    what comes unprotected is served as well, with a remote that is no OSCOREAddress.
    """
    if context is None:
        return await aiocoap.Context.create_server_context(site, bind=bind, transports=["udp6"])
    # Both as client and as server, towards whomever.
    known = CredentialsMap({"coap://*": context})
    # udp6 alone keeps requests and services on one socket, as LwM2M needs it.
    served = await aiocoap.Context.create_server_context(
        OscoreSiteWrapper(site, known), bind=bind, transports=TRANSPORTS)
    served.client_credentials = known
    return served


def add(served, context):
    """Have a Context made by `serving` speak under another PeerContext, and answer under all."""
    known = served.client_credentials
    known[f":{context.sender_id.hex()}"] = known["coap://*"] = context
