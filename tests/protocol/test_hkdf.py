from protocol import hkdf

# RFC 5869 appendix A.1 to A.3: secret, salt, info, key material.
RFC5869_A_1 = (
    "0b" * 22, "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
)  # fmt: skip
RFC5869_A_2 = (
    bytes(range(0x50)).hex(), bytes(range(0x60, 0xB0)).hex(), bytes(range(0xB0, 0x100)).hex(),
    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e59"
    "0e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
)  # fmt: skip
RFC5869_A_3 = (
    "0b" * 22, "", "",
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
)  # fmt: skip


def test_RFC5869_A_keys_are_derived():
    for secret, salt, info, expected in (RFC5869_A_1, RFC5869_A_2, RFC5869_A_3):
        secret, salt, info = bytes.fromhex(secret), bytes.fromhex(salt), bytes.fromhex(info)
        derived = hkdf.hkdf_sha256(salt, secret, info, len(expected) // 2)
        assert derived.hex() == expected


def test_RFC5869_A_1_pseudorandom_key_is_extracted():
    secret, salt = bytes.fromhex(RFC5869_A_1[0]), bytes.fromhex(RFC5869_A_1[1])
    assert hkdf.extract(salt, secret).hex() == (
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")


def test_shorter_keys_begin_longer_ones():
    whole = hkdf.hkdf_sha256(b"salt", b"secret", b"info", 100)
    for length in (0, 1, 31, 32, 33, 64, 65):
        assert hkdf.hkdf_sha256(b"salt", b"secret", b"info", length) == whole[:length]
