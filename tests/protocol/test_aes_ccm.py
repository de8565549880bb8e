from protocol import aes_ccm
from protocol.errors import EncodeError, SecurityError
from tests.portable import raises, seeded_bytes
from tests.protocol.block_cipher import aes

# RFC 3610 section 8, the packet vectors with a tag of 8 bytes: nonce, length of the associated
# data, length of the whole packet 00 01 02 ..., ciphertext and tag.
RFC3610_KEY = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
RFC3610_1_TO_6 = (
    ("00000003020100a0a1a2a3a4a5", 8, 31,
     "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"),
    ("00000004030201a0a1a2a3a4a5", 8, 32,
     "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"),
    ("00000005040302a0a1a2a3a4a5", 8, 33,
     "51b1e5f44a197d1da46b0f8e2d282ae871e838bb64da8596574adaa76fbd9fb0c5"),
    ("00000006050403a0a1a2a3a4a5", 12, 31,
     "a28c6865939a9a79faaa5c4c2a9d4a91cdac8c96c861b9c9e61ef1"),
    ("00000007060504a0a1a2a3a4a5", 12, 32,
     "dcf1fb7b5d9e23fb9d4e131253658ad86ebdca3e51e83f077d9c2d93"),
    ("00000008070605a0a1a2a3a4a5", 12, 33,
     "6fc1b011f006568b5171a42d953d469b2570a4bd87405a0443ac91cb94"),
)  # fmt: skip
RFC3610_13 = (
    "d7828d13b2b0bdc325a76236df93cc6b", "00412b4ea9cdbe3c9696766cfa", "0be1a88bace018b1",
    "08e8cf97d820ea258460e96ad9cf5289054d895ceac47c",
    "4cb97f86a2a4689a877947ab8091ef5386a6ffbdd080f8e78cf7cb0cddd7b3",
)  # fmt: skip
KEY = bytes(range(16))
NONCE = bytes(range(13))


def assert_vector(key, nonce, aad, plaintext, ciphertext):
    assert aes_ccm.encrypt(aes, key, nonce, aad, plaintext) == ciphertext
    assert aes_ccm.decrypt(aes, key, nonce, aad, ciphertext) == plaintext


def test_RFC3610_1_to_6_packets():
    key = bytes.fromhex(RFC3610_KEY)
    for nonce, aad_length, length, ciphertext in RFC3610_1_TO_6:
        packet = bytes(range(length))
        assert_vector(key, bytes.fromhex(nonce), packet[:aad_length], packet[aad_length:],
                      bytes.fromhex(ciphertext))


def test_RFC3610_13_packet():
    assert_vector(*[bytes.fromhex(digits) for digits in RFC3610_13])


def test_plaintexts_of_every_length_come_back():
    for length in (0, 1, 15, 16, 17, 31, 32, 33, 239, 240, 241, 256, 257, 1024):
        plaintext = seeded_bytes(length, length)
        for aad in (b"a", bytes(13), bytes(14), bytes(15), bytes(300)):
            ciphertext = aes_ccm.encrypt(aes, KEY, NONCE, aad, plaintext)
            assert len(ciphertext) == length + 8
            assert aes_ccm.decrypt(aes, KEY, NONCE, aad, ciphertext) == plaintext


def test_a_changed_bit_is_refused_wherever_it_is():
    ciphertext = aes_ccm.encrypt(aes, KEY, NONCE, b"data", b"lamp off")
    for position in range(8 * len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[position // 8] ^= 1 << position % 8
        raises(SecurityError, aes_ccm.decrypt, aes, KEY, NONCE, b"data", bytes(changed))
    raises(SecurityError, aes_ccm.decrypt, aes, KEY, NONCE, b"date", ciphertext)
    raises(SecurityError, aes_ccm.decrypt, aes, KEY, bytes(13), b"data", ciphertext)
    raises(SecurityError, aes_ccm.decrypt, aes, bytes(16), NONCE, b"data", ciphertext)


def test_a_ciphertext_that_was_cut_off_is_refused():
    ciphertext = aes_ccm.encrypt(aes, KEY, NONCE, b"data", b"lamp off")
    for length in range(len(ciphertext)):
        raises(SecurityError, aes_ccm.decrypt, aes, KEY, NONCE, b"data", ciphertext[:length])
        raises(SecurityError, aes_ccm.decrypt, aes, KEY, NONCE, b"data", ciphertext[length + 1:])


def test_a_plaintext_beyond_two_bytes_of_length_is_refused():
    raises(EncodeError, aes_ccm.encrypt, aes, KEY, NONCE, b"data", bytes(65536))
    raises(SecurityError, aes_ccm.decrypt, aes, KEY, NONCE, b"data", bytes(65544))
