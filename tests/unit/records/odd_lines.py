"""Lines that nobody would write, for tests: records with any JSON anywhere in them, and any bytes in those.

FUZZ_EXAMPLES in the environment says how many examples a test tries, FUZZ_SEED which ones: ten seeds of 10,000 are 100,000.
"""

from __future__ import annotations

import copy
import json
import os

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))

_settings = settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def with_odd_lines(test):
    """The same examples in every run."""
    return _settings(seed(int(os.environ["FUZZ_SEED"]))(test) if "FUZZ_SEED" in os.environ else test)


RECORD = {
    "eventVersion": "0",
    "groundTruthData": {"data": "1", "encoding": "CSV"},
    "captureData": {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "31,basic", "encoding": "CSV"},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"},
    },
    "eventMetadata": {"eventId": "a", "inferenceId": "b", "inferenceTime": "2022-04-18T00:10:00Z"},
    "requestMetadata": {"latencyMs": 12.5, "status": 200, "samplingPercentage": 100},
    "SageMakerInferenceId": "c",
    "SageMakerInferenceTime": "2022-04-18T00:10:00Z",
}

PLACES = [
    *((name,) for name in RECORD),
    *((name, member) for name in RECORD if isinstance(RECORD[name], dict) for member in RECORD[name]),
    *(("captureData", half, member) for half in RECORD["captureData"] for member in ("data", "encoding", "mode")),
    *[("captureData", half, "data") for half in RECORD["captureData"]] * 8,
    *[("groundTruthData", "data"), ("eventMetadata", "eventId")] * 8,
    ("captureData", "batchTransformOutput"),
    ("eventMetadata", "customAttributes"),
]

DIGITS = {"@400 digits@": "7" * 400, "@5,000 digits@": "7" * 5_000, "@beyond@": "1e999"}
"""Numbers that Python's parser won't write."""

letters = st.characters(exclude_categories=()) | st.sampled_from(
    "\ud800\udc00\u2028\x00\x0b\x1c\x85\ufeff\ufffd\"'\\,[]{}\n\r\t "
)
cells = st.one_of(
    st.text(letters, max_size=6),
    st.sampled_from(
        ("", "1", "0.5", "-1e400", "NaN", "1_0", "0x1", "[{[]:1}]", "[b'a']", "[1j]", "[{1,2}]", "['a', 'b']", "[0.1, 0.9]",
         "[" * 300, '["\\ud800"]', f"[0.5, {'9' * 400}]", f"[0.5, {'9' * 5_000}]", "(1,)", "1" * 400, "\ud800")
    ),
)  # fmt: skip
payloads = st.one_of(
    cells,
    st.tuples(cells, cells).map(",".join),
    st.tuples(st.sampled_from(["1", "a\ud800", "\udc00"]), cells).map(",".join),
    st.lists(st.lists(cells, min_size=1, max_size=4).map(",".join), min_size=1, max_size=3).map("\n".join),
    st.text(st.sampled_from('01.,"\n\r [é\\\u2028'), max_size=10),
)


def _objects(values):
    names = st.sampled_from(["a", "b", "p", "y", "data", "", "\ud800", "é"]) | st.text(letters, max_size=3)
    return st.lists(values, max_size=4) | st.dictionaries(names, values, max_size=4)


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), cells, payloads, st.sampled_from(sorted(DIGITS)),
        st.sampled_from(["CSV", "JSON", "BASE64", "csv", "2022-04-18T00:10:00Z", "9999-99-99T99:99:99Z", "MSwy"]),
    ),
    _objects,
    max_leaves=8,
)  # fmt: skip


def encode_json(value: object) -> str:
    """The value as JSON, in which numbers of any length stand for the texts of DIGITS."""
    text = json.dumps(value)
    for name, digits in DIGITS.items():
        text = text.replace(f'"{name}"', digits)
    return text


@st.composite
def records(draw):
    """A record with other values in some of its places."""
    record = copy.deepcopy(RECORD)
    for *above, name in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        inner = record
        for step in above:
            if isinstance(inner, dict):
                inner = inner.get(step)
            else:
                inner = None
        if not isinstance(inner, dict):
            continue
        kind = draw(st.integers(0, 5))
        if kind == 0:
            inner.pop(name, None)
        else:
            inner[name] = encode_json(draw(values)) if kind == 1 else draw(values if kind == 2 else payloads)
    return record


@st.composite
def odd_lines(draw, documents=None):
    """Lines of records, some with other bytes in them, beside plain ones."""
    lines = []
    for document in draw(st.lists(records() if documents is None else documents, min_size=1, max_size=4)):
        if draw(st.integers(0, 9)) == 0:
            text = str(document)
        else:
            text = encode_json(document)
        line = bytearray(text.encode("utf-8", "surrogatepass"))
        for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
            position = draw(st.integers(0, max(0, len(line) - 1)))
            line[position : position + draw(st.integers(0, 3))] = draw(
                st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"}", b"\\ud800"])
            )
        lines.append(bytes(line).replace(b"\n", b" "))
    plain = [json.dumps(RECORD).encode()] * draw(st.sampled_from([0, 0, 1, 20]))
    return draw(st.permutations([*lines, *plain]))
