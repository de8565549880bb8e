"""CoAP response codes in words (RFC 7252 5.9; OMA Core 6.3 for what LwM2M means by them)."""

from protocol import object_names

WORDS = {
    "4.00": "the value or the form of the request is wrong",
    "4.01": "not allowed to this gateway",
    "4.04": "no such object, instance or resource there",
    "4.05": "not allowed: not for this resource, or not now (maintenance lock)",
    "4.06": "it has no format that the gateway reads",
    "4.08": "the request did not arrive as a whole",
    "4.12": "a precondition failed",
    "4.13": "the request is too long for it",
    "4.15": "it does not know the request's format",
    "5.00": "an error in the node",
    "5.01": "it cannot do that",
    "5.03": "busy, or not possible now: try again",
}


def code_text(code: str, detail: str = "", written: tuple[int, ...] = ()) -> str:
    """Return "4.00: words: detail"; with the resource's range if a write of it got 4.00."""
    parts = [code, WORDS.get(code, ""), detail]
    if code == "4.00" and len(written) > 2:
        facts = object_names.resource_facts(written[0], written[2])
        parts.append(f"allowed is {facts.range}" if facts and facts.range else "")
    return ": ".join(part for part in parts if part)
