"""The envelope of state bytes: its layout, and what it says when bytes are something else."""

from __future__ import annotations

import zlib

import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states import decode
from spark_model_monitor.statistics.states.encoding import pack, read_kind_and_version, require_equal, unpack

BLOB = pack("kll", 1, {"k": 2048, "c": 0.64}, b"items")


def test_the_layout_is_the_documented_one():
    body = b"SMMS" + b"\x01\x01\x03" + b"\x13\x00" + b"\x05" + bytes(7) + b'kll{"c":0.64,"k":2048}items'

    assert pack("kll", 1, {"k": 2048, "c": 0.64}, b"items") == body + zlib.crc32(body).to_bytes(4, "little")


def test_unpack_gives_what_pack_was_given():
    assert unpack(BLOB, "kll", 1) == ({"k": 2048, "c": 0.64}, b"items")
    assert unpack(pack("moments", 3, {}, b""), "moments", 3) == ({}, b"")
    assert read_kind_and_version(BLOB) == ("kll", 1)


def test_the_order_in_which_parameters_are_named_does_not_change_the_bytes():
    assert pack("kll", 1, {"c": 0.64, "k": 2048}, b"items") == BLOB


def with_checksum(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("blob", "text"),
    [
        pytest.param(b"", "0 bytes are too few for a state; the file may be cut", id="nothing"),
        pytest.param(BLOB[:-1], "47 bytes where their head announces 48; the file may be cut", id="cut"),
        pytest.param(BLOB + b"\n", "49 bytes where their head announces 48", id="something behind"),
        pytest.param(b"PK\x03\x04" + BLOB[4:], "they begin with b'PK", id="another file"),
        pytest.param(BLOB[:-6] + b"XY" + BLOB[-4:], "the checksum is wrong", id="changed"),
        pytest.param(with_checksum(b"SMMS\x02" + BLOB[5:-4]), "envelope version 2; this release reads", id="envelope"),
        pytest.param(
            with_checksum(BLOB[:5] + b"\x09" + BLOB[6:-4]),
            "'kll' has version 9, which a later release wrote",
            id="later",
        ),
        pytest.param(
            with_checksum(BLOB[:5] + b"\x00" + BLOB[6:-4]), "'kll' has version 0, which no release", id="none"
        ),
        pytest.param(pack("moments", 1, {}, b""), "a state of kind 'moments'; 'kll' is expected", id="kind"),
    ],
)
def test_unpack_names_what_is_wrong(blob, text):
    with pytest.raises(BadState, match=f"state bytes: .*{text}"):
        unpack(blob, "kll", 1)


def test_decode_names_the_kinds_it_knows():
    with pytest.raises(
        BadState, match=r"'reservoir' is no kind of state here; the kinds are ages, attributions, block_sums, "
    ):
        decode(pack("reservoir", 1, {}, b""))


def test_unequal_parameters_are_named_with_both_values():
    require_equal("kll", "k", 2048, 2048)

    with pytest.raises(BadState, match="kll: k is 2048 here and 1024 there; only states with the same one add up"):
        require_equal("kll", "k", 2048, 1024)
