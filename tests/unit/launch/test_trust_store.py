"""The key store that Java reads, against its published layout and Java's own keytool."""

from __future__ import annotations

import hashlib
import struct

from model_monitor.launch.trust_store import java_key_store


def test_a_store_of_one_certificate_byte_by_byte():
    store = java_key_store([b"\x30\x03abc"])

    assert store[:12] == bytes.fromhex("feedfeed 00000002 00000001".replace(" ", ""))
    assert store[12:-20] == (
        struct.pack(">I", 2)
        + b"\x00\x0bauthority-0"
        + bytes(8)
        + b"\x00\x05X.509"
        + struct.pack(">I", 5)
        + b"\x30\x03abc"
    )
    assert store[-20:] == hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + store[:-20]).digest()
