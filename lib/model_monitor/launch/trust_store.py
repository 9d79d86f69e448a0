"""The certificates that this machine trusts, in the form that Java reads. Standard library only.

A Java brings its own list of certificate authorities. Where a company's proxy signs the traffic, the machine's list, which
pip and git use, has one more; Java is given that list when its own does not do.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
from pathlib import Path

PASSWORD = "changeit"  # not a secret: a trust store holds public certificates; it is Java's own default


def trust_options(directory: Path) -> list[str]:
    """Options of Java that make it trust what this Python trusts (SSL_CERT_FILE counts); none if that is nothing.

    Writes the store into `directory`.
    """
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        return []
    store = directory / "machine.jks"
    store.write_bytes(java_key_store(certificates))
    return store_options(store)


def store_options(store: Path) -> list[str]:
    """Options of Java that make it trust a store that `java_key_store` made, in place of its own list."""
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=JKS",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
    ]


def java_key_store(certificates: list[bytes]) -> bytes:
    """A JKS file of trusted certificates (DER), with the check sum that its password gives.

    Source: OpenJDK, sun.security.provider.JavaKeyStore, engineStore: magic, version 2, entries with tag 2, SHA-1 digest.
    """
    content = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for number, certificate in enumerate(certificates):
        content += struct.pack(">I", 2) + _text(f"authority-{number}") + struct.pack(">Q", 0)
        content += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    digest = hashlib.sha1(PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content, usedforsecurity=False)
    return content + digest.digest()


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode("ascii")
