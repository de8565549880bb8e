"""Files under a passphrase: whole and authentic, or refused in words."""

import io

import pytest

from gateway import sealed_file
from gateway.sealed_file import BACKUP, CHUNK_BYTES, KEYS, SealedFileError, SealedReader

PASSPHRASE = "correct horse battery"
# As many bytes as two chunks and a little: 64 KiB each.
LONG = bytes(range(256)) * 513


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """What these tests show does not depend on how much memory a guess costs."""
    monkeypatch.setattr(sealed_file, "SCRYPT_LOG_N", 10)


def sealed(plain, kind=KEYS, pieces=7):
    file = io.BytesIO()
    writer = sealed_file.SealedWriter(file, kind, PASSPHRASE)
    step = len(plain) // pieces + 1
    for start in range(0, len(plain), step):
        writer.write(plain[start:start + step])
    writer.close()
    return file.getvalue()


def opened(data, kind=KEYS, passphrase=PASSPHRASE):
    return SealedReader(io.BytesIO(data), kind, passphrase).read()


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1,
                                    2 * CHUNK_BYTES, len(LONG)])
def test_what_was_written_comes_back_whatever_its_length(length):
    assert opened(sealed(LONG[:length])) == LONG[:length]


def test_reading_piece_by_piece_gives_the_same_bytes():
    reader = SealedReader(io.BytesIO(sealed(LONG)), KEYS, PASSPHRASE)
    assert b"".join(iter(lambda: reader.read(10_007), b"")) == LONG


def test_wrong_passphrase_is_said_at_once():
    with pytest.raises(SealedFileError, match="the passphrase is wrong"):
        opened(sealed(b"secret"), passphrase="correct horse batterx")


def test_same_content_looks_different_each_time():
    assert sealed(b"secret")[32:] != sealed(b"secret")[32:]


def test_file_that_was_cut_at_a_chunk_is_refused():
    chunk = CHUNK_BYTES + sealed_file.TAG_BYTES
    whole = sealed(LONG)
    for chunks in (0, 1, 2):
        with pytest.raises(SealedFileError):
            opened(whole[:len(whole) - len(whole[27:]) + chunks * chunk])


def test_exchanged_doubled_and_foreign_chunks_are_refused():
    whole, chunk = sealed(LONG), CHUNK_BYTES + sealed_file.TAG_BYTES
    header, first, second, last = (whole[:27], whole[27:27 + chunk],
                                   whole[27 + chunk:27 + 2 * chunk], whole[27 + 2 * chunk:])
    foreign = sealed(LONG)[27:27 + chunk]
    for order in ((second, first, last), (first, first, last), (foreign, second, last),
                  (first, last), (first, second, last, last), (last,)):
        with pytest.raises(SealedFileError):
            opened(header + b"".join(order))


def test_every_changed_byte_of_a_small_file_is_noticed():
    whole = sealed(b"secret")
    for place in range(len(whole)):
        # A changed N between 2**10 and 2**20 is only noticed after it was paid for.
        if place == 10:
            continue
        with pytest.raises(SealedFileError):
            opened(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])


def test_file_of_another_kind_is_named():
    with pytest.raises(SealedFileError, match="holds a backup, and wanted is keys"):
        opened(sealed(b"x", kind=BACKUP))


def test_header_cannot_ask_for_more_memory_than_a_gateway_has():
    whole = bytearray(sealed(b"secret"))
    for log_n in (0, 9, 21, 31, 255):
        whole[10] = log_n
        with pytest.raises(SealedFileError, match="header"):
            opened(bytes(whole))
