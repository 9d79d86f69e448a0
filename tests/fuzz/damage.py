"""Documents and lines as they come to harm: by type, by key, by byte. Everything is drawn from one random generator."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any


class JsonText(str):
    """JSON that is written as it stands."""


class Members(list):
    """An object's members in order, of which some may have the same name."""


DEPTHS = (20, 300, 700, 1_100, 3_000)
ODD_TEXTS = (
    *("", " ", "\t", "NaN", "nan", "null", "true", "1_0", "0x1", "+1", "1e5", "1e999", "-0", "1,5", "a,b", "[0.1,0.9]", "["),
    *('"', '""', 'say "so"', '"a","b"', '"a', 'a"', "\\", '\\"', "a\\", "\n", "1\n", "1\r\n", "1\n\n2", "a\rb", "1\n0"),
    *("\x00", "a\x00b", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "\ufeff", "\ufeff1", "\ufffd", "é", "\U0001f600"),
    *("\ud800", "a\udc00", "2022-04-18T00:10:00Z", "2022-04-18 00:10:00.5+01:00", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59-10:00", "2022-02-30T00:00:00Z", "2022-04-18T00:00:60Z", "２022-04-18T00:10:00Z", "MSwy", "MSw"),
    *("CSV", "csv", "JSON", "BASE64", "XML", "{", "}", "{}", "[]", '{"a":1}', '{"a":1,"b":2}', '{"p":1}', "1", "0", "0.5"),
)  # fmt: skip
NUMBERS = tuple(
    JsonText(text)
    for text in (
        *("0", "-1", "1.50", "1E2", "-0.0", "1e999", "-1e-999", "12345678901234567890123", "NaN", "Infinity", "-Infinity"),
        *("7" * 400, "7" * 5_000, "0." + "3" * 5_000, "01", "+1", ".5", "1.", "0x1", "1e", "True", "None", "nul"),
    )
)  # fmt: skip


def odd_value(rng: random.Random, inner: int = 2) -> Any:
    """A value that nobody expects where it stands."""
    kind = rng.randrange(9)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        depth, (opening, closing) = rng.choice(DEPTHS), rng.choice((("[", "]"), ('{"a":', "}")))
        return JsonText(opening * depth + "1" + closing * (depth - rng.choice((0, 0, 0, 1))))
    if kind == 2:
        return rng.choice((None, True, False))
    if kind == 3 and inner:
        return [odd_value(rng, inner - 1) for _ in range(rng.randrange(3))]
    if kind == 4 and inner:
        return {rng.choice("abpy"): odd_value(rng, inner - 1) for _ in range(rng.randrange(3))}
    return rng.choice(ODD_TEXTS)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every object and array with every key of it, from the outermost on."""
    locations = []
    inside = [document]
    for container in inside:
        if isinstance(container, dict):
            keys = list(container)
        else:
            keys = range(len(container))
        locations += [(container, key) for key in keys]
        inside += [
            container[key]
            for key in keys
            if isinstance(container[key], dict | list) and not isinstance(container[key], Twice)
        ]
    return locations


def _other_type(rng: random.Random, container: Any, key: Any) -> None:
    container[key] = odd_value(rng)


def _left_out(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        del container[key]
    else:
        container.insert(rng.randrange(len(container) + 1), odd_value(rng))


def _reordered(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        members = list(container.items())
        rng.shuffle(members)
        container.clear()
        container.update(members)


def _renamed(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[rng.choice((key + " ", key.lower(), "", "é", "\ud800", key + '"', rng.choice(ODD_TEXTS)))] = (
            container.pop(key)
        )


def _added(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container["more"] = odd_value(rng)


def _twice(rng: random.Random, container: Any, key: Any) -> None:
    """A member that is written twice: the last one counts."""
    value = container[key]
    if isinstance(container, dict) and not isinstance(value, Twice):
        second_value = odd_value(rng) if rng.random() < 0.7 else value
        pair = [(key, value), (key, second_value)]
        container[key] = Twice(pair if rng.random() < 0.5 else pair[::-1])


class Twice(list):
    """The two members that stand in the place of one."""


def _text_damaged(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container[key], str) and not isinstance(container[key], JsonText):
        text = container[key]
        position = rng.randrange(len(text) + 1)
        container[key] = text[:position] + rng.choice(ODD_TEXTS) + text[position + rng.randrange(2) :]


LETTERS = '0011..,,,"""\n\n\r [{}]:é\\\u2028\x00\ufeff'


def _text_misspelled(rng: random.Random, container: Any, key: Any) -> None:
    """Some letters of a text are others, or lost."""
    if isinstance(container[key], str) and not isinstance(container[key], JsonText):
        letters = list(container[key])
        for _ in range(rng.choice((1, 1, 2, 4))):
            position = rng.randrange(len(letters) + 1)
            letters[position : position + rng.randrange(2)] = rng.choice(LETTERS)
        container[key] = "".join(letters)


def _encoded_otherwise(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict) and "encoding" in container:
        container["encoding"] = rng.choice(("JSON", "CSV", "BASE64", "csv", "Csv", "XML", "", None))
        if container["encoding"] == "BASE64" and isinstance(container.get("data"), str) and rng.random() < 0.7:
            container["data"] = base64.b64encode(container["data"].encode("utf-8", "replace")).decode()


OF_DOCUMENTS = (
    *(_other_type, _left_out, _reordered, _renamed, _added, _twice, _encoded_otherwise, _text_damaged),
    *[_text_misspelled] * 3,
)


def damaged(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The document with one to three faults, anywhere in it. It is changed itself."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        locations = places(document)
        payloads = [
            location for location in locations if location[1] in ("data", "eventId", "inferenceTime", "encoding")
        ]
        if payloads and rng.random() < 0.6:
            locations = payloads
        if locations:
            rng.choice(OF_DOCUMENTS)(rng, *rng.choice(locations))
    return document


def encode_json(value: Any, *, comma: str = ",", colon: str = ":", ascii_only: bool = False) -> str:
    """The value as JSON, whatever stands in it."""
    if isinstance(value, JsonText):
        return value
    if isinstance(value, dict):
        members = [
            pair
            for key, value_or_twice in value.items()
            for pair in (value_or_twice if isinstance(value_or_twice, Twice) else [(key, value_or_twice)])
        ]
        options: dict[str, Any] = {"comma": comma, "colon": colon, "ascii_only": ascii_only}
        texts = (
            f"{encode_json(key, ascii_only=ascii_only)}{colon}{encode_json(member, **options)}"
            for key, member in members
        )
        return "{" + comma.join(texts) + "}"
    if isinstance(value, list):
        return (
            "["
            + comma.join(
                encode_json(item_value, comma=comma, colon=colon, ascii_only=ascii_only) for item_value in value
            )
            + "]"
        )
    if isinstance(value, str) and not ascii_only and not any("\ud800" <= letter <= "\udfff" for letter in value):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def write_line(document: Any, rng: random.Random) -> bytes:
    """The document on a line, most often as services write it, else with other separators or letters."""
    if rng.random() < 0.75:
        return encode_json(document).encode()
    comma, colon = rng.choice(((", ", ": "), (" ,\t", " : "), (",", ":")))
    return encode_json(document, comma=comma, colon=colon, ascii_only=rng.random() < 0.5).encode()


BAD_BYTES = (
    *(b"\xff", b"\xc3", b"\xe2\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"\x00", b"\x01", b"\x1f"),
    *(b"\xef\xbb\xbf", b"\xef\xbf\xbd", b"\xe2\x80\xa8", b"\t", b"\x0b", b"\x0c", b"\r", b"\n", b"\r\n", b"\\ud800", b"\\u12"),
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"'", b"\\n", b'""', b'"",""', b"NaN", b"\\u0000", b"\xc2\xa0", b" "),
)  # fmt: skip


def _cut(rng: random.Random, line: bytes) -> bytes:
    position = rng.randrange(len(line) + 1)
    if rng.random() < 0.7:
        return line[:position]
    return line[position:]


def _doubled(rng: random.Random, line: bytes) -> bytes:
    position = rng.randrange(len(line))
    return line[:position] + line[position : position + rng.choice((1, 1, 1, 5))] + line[position:]


def _flipped(rng: random.Random, line: bytes) -> bytes:
    content = bytearray(line)
    for _ in range(rng.choice((1, 1, 2, 8))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _inserted(rng: random.Random, line: bytes) -> bytes:
    position = rng.choice((0, len(line), rng.randrange(len(line) + 1), rng.randrange(len(line) + 1)))
    return line[:position] + rng.choice(BAD_BYTES) + line[position + rng.randrange(3) :]


def _in_a_number(rng: random.Random, line: bytes) -> bytes:
    """With something else in place of a digit, most of which are cells'."""
    digits = [index for index, letter in enumerate(line) if letter in b"0123456789"]
    position = rng.choice(digits or [0])
    return line[:position] + rng.choice(BAD_BYTES) + line[position + 1 :]


def _lost(rng: random.Random, line: bytes) -> bytes:
    """Without one of its quotes, braces or commas."""
    marks = [index for index, letter in enumerate(line) if letter in b'"{}[],:\\']
    position = rng.choice(marks) if marks else 0
    return line[:position] + line[position + 1 :]


def _in_blanks(rng: random.Random, line: bytes) -> bytes:
    return rng.choice((b"", b" ", b"\t", b"  ")) + line + rng.choice((b" ", b"\t", b"\x0c", b"\xc2\xa0"))


def _by_repr(rng: random.Random, line: bytes) -> bytes:
    return line.replace(b'"', b"'")


def _and_more(rng: random.Random, line: bytes) -> bytes:
    return line + rng.choice((b",", b" x", b"{}", b"]", b"}", b"," + line, line, b" " + line, b"null", b"// end", b";"))


OF_BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(
        _cut,
        _doubled,
        _flipped,
        _inserted,
        _inserted,
        _in_a_number,
        _in_a_number,
        _lost,
        _in_blanks,
        _by_repr,
        _and_more,
    ),
)


def damaged_bytes(line: bytes, rng: random.Random) -> bytes:
    """The line with one or two faults of its bytes."""
    for _ in range(rng.choice((1, 1, 2))):
        line = rng.choice(OF_BYTES)(rng, line) if line else line
    return line


def write_file(lines: list[bytes], rng: random.Random) -> bytes:
    """The lines as a file: some are glued together or have blank ones between them, some files end lines as Windows does.

    The first line, which may be a header, stays as it is."""
    end = b"\r\n" if rng.random() < 0.1 else b"\n"
    content = bytearray(b"\xef\xbb\xbf" if rng.random() < 0.05 else b"")
    for number, line in enumerate(lines):
        kind = rng.random()
        content += line
        content += (
            b"" if kind < 0.005 and number else end * 3 if kind < 0.02 else end + b"  " + end if kind < 0.03 else end
        )
    if rng.random() < 0.8:
        return bytes(content)
    return bytes(content).rstrip(b"\r\n")
