"""Captured lines for tests: good ones, and one maker for each way that a line can be bad."""

from __future__ import annotations

import base64
import json
import random
from datetime import datetime, timedelta, timezone

START = datetime(2022, 4, 18, tzinfo=timezone.utc)


def captured(
    data="1,2", output="0.5", *, encoding="CSV", output_encoding=None, time="2022-04-18T00:10:00Z", **metadata
):
    """A captured record with three cells in a row as a dict; None leaves a half or the time out."""
    halves = {
        "endpointInput": _half(data, encoding, "INPUT"),
        "endpointOutput": _half(output, output_encoding or encoding, "OUTPUT"),
    }
    event = {"eventId": "a", "inferenceTime": time, **metadata}
    return {
        "captureData": {name: half for name, half in halves.items() if half is not None},
        "eventMetadata": {name: value for name, value in event.items() if value is not None},
        "eventVersion": "0",
    }


def format_capture(data, answer, event_id, time, **members) -> str:
    """A captured record as a line with its end. time: as the record has it, or a datetime in UTC."""
    if isinstance(time, datetime):
        time = f"{time:%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(captured(data, answer, eventId=event_id, time=time, **members)) + "\n"


def encode_line(record) -> bytes:
    """The record as a line without its end. Bytes are a line already."""
    if isinstance(record, bytes):
        return record
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _half(data, encoding, mode):
    if data is None:
        return None
    return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}


def _number(rng: random.Random) -> str:
    return rng.choice(
        [str(rng.randint(-9, 99)), f"{rng.random():.3f}", "", '"a, b"', '"say ""so"""', "Zürich", "é\U0001f600"]
    )


def _rows(rng: random.Random, cells: int, rows: int) -> str:
    return "\n".join(",".join(_number(rng) for _ in range(cells)) for _ in range(rows))


def _good(rng: random.Random) -> bytes:
    rows = rng.choice([1, 1, 1, 1, 2, 5])
    output = "\n".join(f"{rng.random():.3f}" for _ in range(rows)) + rng.choice(["", "\n", "\r\n"])
    time = START + timedelta(seconds=rng.randint(-600, 4200))
    text = rng.choice([time.strftime("%Y-%m-%dT%H:%M:%SZ"), time.isoformat(), time.strftime("%Y-%m-%d %H:%M:%S.%f")])
    event = f"{rng.randrange(2**64):016x}"
    # the first cell of a row is a number, so that a row is never empty
    data = "\n".join(f"7,{_number(rng)}" for _ in range(rows))
    model = {"0": None, "1": 1}.get(event[0], f"{int(event[1], 16) % 2}.tar.gz")
    attributes = ["captureData", "x"]
    return encode_line(captured(data, output, time=text, eventId=event, customAttributes=attributes, targetModel=model))


def _cut(rng: random.Random) -> bytes:
    line = _good(rng)
    return line[: rng.randrange(1, len(line))]


def _time(rng: random.Random) -> bytes:
    times = [
        "yesterday",
        "12:30",
        "2022",
        "2022-13-01T00:00:00Z",
        "2022-02-30T00:00:00Z",
        "",
        "2022-04-18T0:0:0.12Z",
        None,
    ]
    return encode_line(captured(time=rng.choice(times)))


def _shape(rng: random.Random) -> bytes:
    halves = [None, 5, [], "text", {"endpointInput": "text"}, {"endpointInput": []}, {"endpointInput": None}, {}]
    return encode_line({"captureData": rng.choice(halves), "eventMetadata": {"inferenceTime": "2022-04-18T00:00:00Z"}})


def _encodings(rng: random.Random) -> bytes:
    some = ["CSV", "csv", "JSON", "BASE64", "base64", "XML", None]
    data = rng.choice(["1,2", base64.b64encode(b"1,2").decode(), '{"a":1}', "%%%"])
    record = captured(data, rng.choice(["0.5", "MC41", '{"b":1}']))
    record["captureData"]["endpointInput"]["encoding"] = rng.choice(some)
    record["captureData"]["endpointOutput"]["encoding"] = rng.choice(some)
    return encode_line(record)


def _closed(rng: random.Random) -> bytes:
    """A good line whose halves, or one of them, are BASE64."""
    record = json.loads(_good(rng))
    for half in rng.sample(sorted(record["captureData"]), rng.choice([1, 2, 2])):
        of_half = record["captureData"][half]
        of_half["data"] = base64.b64encode(of_half["data"].encode()).decode()
        of_half["encoding"] = rng.choice(["BASE64", "BASE64", "base64"])
    return encode_line(record)


def _halves(rng: random.Random) -> bytes:
    data = [None, "", "\n", "1,2", "1,2,3", "1,2\n3,4", "1,2\r\n3,4\r\n"]
    return encode_line(captured(rng.choice(data), rng.choice([None, "", "0.5", "0.5\n", "0.5\n0.6"])))


def _header(rng: random.Random) -> bytes:
    """A request that begins with names, and an answer with or without one."""
    request = f"a,b\n{_rows(rng, 2, 2)}"
    answer = rng.choice(["0.5\n0.6", "p\n0.5\n0.6"])
    event_id = str(rng.random())
    return encode_line(captured(request, answer, eventId=event_id))


def _without_data(rng: random.Random) -> bytes:
    """Captured for its metadata alone, or nearly so."""
    metadata = rng.choice([{"latencyMs": 1.5, "status": 503}, {}, {"status": "200"}, None, "requestMetadata", [1]])
    record = captured(rng.choice([None, None, "1,2"]), None)
    return encode_line(record if rng.random() < 0.2 else record | {"requestMetadata": metadata})


def _bytes(rng: random.Random) -> bytes:
    line = bytearray(_good(rng))
    line[rng.randrange(len(line))] = rng.choice([0x00, 0x01, 0xFF, 0xC3, 0x80])
    return bytes(line)


MAKERS = {
    "good": _good,
    "truncated": _cut,
    "single quotes": lambda rng: _good(rng).replace(b'"', b"'"),
    "wrong counts": lambda rng: encode_line(captured(_rows(rng, rng.randint(1, 4), rng.randint(1, 3)), "0.5\n0.5")),
    "base64": _closed,
    "halves": _halves,
    "header line": _header,
    "times": _time,
    "shapes": _shape,
    "encodings": _encodings,
    "without data": _without_data,
    "bytes": _bytes,
    "more behind it": lambda rng: _good(rng) + rng.choice([b" x", b"{}", b"," + _good(rng), b"} x", b"]", b"  "]),
    "no capture": lambda rng: rng.choice(
        [b"null", b"5", b'"text"', b"[1]", b"{}", b"not JSON", b"NaN", b"\xef\xbb\xbf{}"]
    ),
    "nested JSON": lambda rng: encode_line(captured('{"a":{"b":1},"c":2}', '{"d":[1,2]}', encoding="JSON")),
    "written twice": lambda rng: b'{"captureData":{},' + _good(rng)[1:],
}


def some_lines(seed: int, count: int) -> list[bytes]:
    """Lines of all kinds, half of them good; the same ones for a seed. None is blank or holds a line end."""
    rng = random.Random(seed)
    makers = list(MAKERS.values())
    lines: list[bytes] = []
    while len(lines) < count:
        if rng.random() < 0.5:
            line = _good(rng)
        else:
            line = rng.choice(makers)(rng)
        if lines and rng.random() < 0.02:
            line = rng.choice(lines)
        if line.strip() and b"\n" not in line and b"\r" not in line:
            lines.append(line)
    return lines


def _member(rng: random.Random) -> object:
    return rng.choice([1, 0.5, "x", "[INST] a text", '{"not": "an object"', 'say "so" \\', None, True, "Zürich", ""])


def _object(rng: random.Random, keys: str) -> str:
    chosen = rng.choice([keys, keys, keys, keys[::-1], keys[:-1], keys + "z", keys + keys[0]])
    nested = rng.random() < 0.05
    members = [(key, {"inner": [1]} if nested else _member(rng)) for key in chosen]
    return "{" + ",".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in members) + "}"


def _json_payload(rng: random.Random, keys: str, rows: int) -> str:
    objects = [_object(rng, keys) for _ in range(rows)]
    kind = rng.randrange(12)
    if kind < 5:
        return "\n".join(objects) + rng.choice(["", "\n"])
    if kind < 10:
        return " [" + ", \n".join(objects) + "]"
    return rng.choice(
        ["[1, 2]", "0.5", "", "[]", "{", "null", "[null]", objects[0] + " x", objects[0] + objects[0], "[{}]"]
    )


def some_json_lines(seed: int, count: int) -> list[bytes]:
    """Lines whose payloads are JSON, with the keys `p` in the reply and `a`, `b` in the request; many are bad."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        rows = rng.choice([1, 1, 1, 2, 3])
        data = _json_payload(rng, "ab", rows)
        output = _json_payload(rng, "p", rows)
        record = captured(data, output, encoding="JSON", eventId=f"{rng.randrange(2**64):016x}")
        if rng.random() < 0.1:
            record = captured("1,2", output, encoding="CSV", output_encoding="JSON")
        lines.append(encode_line(record))
    return lines
