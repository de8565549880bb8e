"""Schema version 4: the nodes' security contexts (OSCORE).

`kid` is the sender id of the node, `sealed` its credentials under the gateway's key. `state`:
"current", "trial" (on the way to become current), "restored" (may have been used elsewhere: it
protects nothing) and "revoked". What changes with traffic stands in a narrow table of its own:
a page of it holds the numbers of a hundred nodes. Sender sequence numbers below `sender_limit`
may be used; `window_index` NULL: no replay window. `is_settled`: the gateway stopped in order.
"""

SQL = """
CREATE TABLE contexts (
    serial INTEGER PRIMARY KEY,
    kid BLOB NOT NULL,
    id_context BLOB,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE context_numbers (
    serial INTEGER PRIMARY KEY REFERENCES contexts (serial),
    sender_limit INTEGER NOT NULL,
    window_index INTEGER,
    window_bits INTEGER NOT NULL,
    is_settled INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
"""
