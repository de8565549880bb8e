"""The number of a boot: one more than the last, and durable before a reading bears it."""

from binascii import crc32

KEY = "boot"
_LENGTH = 4


def next_number(store, random_bytes, held):
    """Return the number of this boot; make_durable() must follow before anything bears it.

    An empty store, or a damaged one, begins with a random number: a node whose flash was erased
    must not number its readings like those that the gateway has already. `held` are the boots of
    the readings that the store holds.
    """
    last = _decode(store.read(KEY))
    if last is None:
        last = int.from_bytes(random_bytes(3), "big")
    for boot in held:
        # Never behind what is there: the number of a reading must not come again.
        if 0 < age(boot, last) < 1 << 31:
            last = boot
    return last + 1 & 0xFFFFFFFF


def make_durable(store, number):
    """Write it down; return whether the store took it."""
    data = number.to_bytes(_LENGTH, "big")
    try:
        store.write(KEY, crc32(data).to_bytes(_LENGTH, "big") + data)
    except OSError:
        return False
    return True


def age(number, boot):
    """Return how many boots before `number` the boot was; after 2^32 - 1 comes 0."""
    return number - boot & 0xFFFFFFFF


def _decode(data):
    """Return the last boot's number, None if there is none to be trusted."""
    if data is None or len(data) not in (_LENGTH, 2 * _LENGTH):
        return None
    number = data[-_LENGTH:]
    # Release 0.1.0 wrote the number alone.
    if len(data) > _LENGTH and data[:_LENGTH] != crc32(number).to_bytes(_LENGTH, "big"):
        return None
    return int.from_bytes(number, "big")
