"""States whose checksum is right and whose content nobody of ours wrote: refused as no state, or a state that adds and is shown.

`make test` tries a few thousand; MODEL_MONITOR_MUTATIONS=100000 that many of each way.
"""

import json
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from tests.archives.scanned import ARCHIVE
from tests.unit.states.test_laws import CASES, PARTS

from spark_model_monitor.errors import BadState, MonitorError
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.reports.history.state_files import decode_state_file
from spark_model_monitor.statistics.states import KllSketch, Profile, decode
from spark_model_monitor.statistics.states.contingency import Contingency
from spark_model_monitor.statistics.states.encoding import pack
from spark_model_monitor.statistics.states.outcomes import Outcomes

MUTATIONS = int(os.environ.get("MODEL_MONITOR_MUTATIONS", "8000"))

HEAD = struct.Struct("<4sBBBHQ")
NUMBERS = (0, 1, -1, 7, 255, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, -1.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"))
MEMBERS = (None, True, -1, 0, 2**40, 2**70, 1e308, float("nan"), "", "x", "[" * 3000, [], {}, [[]], {"k": []})


def find_parts(blob):
    """Where the parameters begin, where the payload begins, and where it ends."""
    *_, name, described, payload = HEAD.unpack_from(blob)
    start = HEAD.size + name
    return start, start + described, start + described + payload


def sealed(kind_and_head, described, payload):
    """The bytes of a state with another content and the lengths and the checksum that belong to it."""
    magic, envelope, version, name, *_ = HEAD.unpack_from(kind_and_head)
    head = HEAD.pack(magic, envelope, version, name, len(described), len(payload))
    body = head + kind_and_head[HEAD.size : HEAD.size + name] + described + payload
    return body + struct.pack("<I", zlib.crc32(body))


def mutated(blob, rng):
    """The bytes with one thing changed; a state within the state is sealed again as well."""
    begin, middle, end = find_parts(blob)
    described = bytes(blob[begin:middle])
    payload = bytearray(blob[middle:end])
    inner = payload.find(b"SMMS")
    mutation = rng.integers(8)
    if inner >= 0 and mutation < 5:
        # One of the states within, and its length before it
        state_positions = [index for index in range(len(payload)) if payload.startswith(b"SMMS", index)]
        position = state_positions[rng.integers(len(state_positions))]
        size = find_parts(payload[position:])[2] + 4
        changed = mutated(bytes(payload[position : position + size]), rng)
        if position >= 8 and struct.unpack_from("<Q", payload, position - 8)[0] == size:
            payload[position - 8 : position] = struct.pack("<Q", len(changed))
        payload[position : position + size] = changed
    elif mutation == 0 and payload:
        payload[rng.integers(len(payload))] ^= int(rng.integers(1, 256))
    elif mutation in (1, 2) and len(payload) >= 8:
        # A number of 8 bytes, mostly where one begins
        position = int(rng.integers(len(payload) // 8)) * 8 + int(rng.choice([0, 0, 1]))
        if mutation == 1:
            number = NUMBERS[rng.integers(len(NUMBERS))]
        else:
            number = DOUBLES[rng.integers(len(DOUBLES))]
        payload[position : position + 8] = struct.pack("<q" if mutation == 1 else "<d", number)
    elif mutation == 3:
        del payload[int(rng.integers(len(payload) + 1)) :]
    elif mutation == 4:
        payload += bytes(int(rng.integers(1, 40)))
    elif mutation == 5 and payload:
        position = int(rng.integers(len(payload)))
        payload[position : position + 1] = rng.choice([b"\xff", b"[", b"{", b"null", b"1e400", b'"', b"-", b"9" * 5000])
    else:
        described = changed_parameters(described, rng)
    return sealed(blob, described, bytes(payload))


def changed_parameters(described, rng):
    """Parameters with a member of another value, without one, or no object at all."""
    parameters = json.loads(described or b"{}")
    names = [*parameters, "k"]
    name = names[rng.integers(len(names))]
    mutation = rng.integers(6)
    if mutation == 0:
        parameters.pop(name, None)
    elif mutation == 1:
        return rng.choice([b"[]", b"7", b"{", b"null", b"\xff", b"[" * 5000])
    elif mutation == 2 and isinstance(parameters.get(name), str):
        text = parameters[name]
        position = int(rng.integers(len(text) + 1))
        parameters[name] = (
            text[:position] + str(rng.choice(["", "9", "null", "{", "\udc80", "1e400"])) + text[position + 1 :]
        )
    else:
        parameters[name] = MEMBERS[rng.integers(len(MEMBERS))]
    return json.dumps(parameters).encode("utf-8", "surrogatepass")[:65_535]


def use(state):
    """What is made of a state that was read."""
    (state + state).to_bytes()
    if isinstance(state, Profile):
        monitor = DataQualityMonitor()
    elif isinstance(state, Outcomes):
        monitor = ModelQualityMonitor(state.plan)
    elif isinstance(state, Contingency):
        monitor = BiasMonitor()
    else:
        monitor = None
    if monitor is not None:
        for document in monitor.documents(state, monitor.metrics(state)):
            document.to_json()


ARCHIVED = ("contingency", "outcomes-binary", "outcomes-regression")
"""Files whose states documents are made of; those of the laws stand for no data set."""


def seeds():
    """Bytes that are intact, by what they are of."""
    # Two states of each kind
    blobs = {kind: [case.of(rows).to_bytes() for rows in PARTS[:2]] for kind, case in CASES.items()}
    # And those of the archive
    for name in ARCHIVED:
        path = ARCHIVE / f"{name}.parquet"
        state = decode_state_file(path.read_bytes(), str(path))
        blobs[name] = [state.to_bytes()]
    return blobs


SEEDS = seeds()


@pytest.mark.long
@pytest.mark.parametrize("name", SEEDS)
def test_crafted_bytes_are_refused_or_a_state_that_adds_and_is_shown(name):
    blobs = SEEDS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    refused = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for number in range(MUTATIONS // len(SEEDS)):
            try:
                use(decode(mutated(blobs[number % len(blobs)], rng)))
            except MonitorError:
                refused += 1

    assert refused, "some of them are no states"


@pytest.mark.parametrize("k", [2**40, 2**62, 0, -1, 1.5, "2048", True, None])
def test_a_sketch_of_a_size_that_nobody_has_takes_no_memory(k):
    payload = b"\x01" + struct.pack("<QQB", 0, 0, 0)
    crafted = pack("kll", KllSketch.VERSION, {"k": k, "c": 0.64}, payload)

    with pytest.raises(BadState, match="sketch size"):
        decode(crafted)
