"""Describes what is wrong with the first refused record, without its values."""

from __future__ import annotations

import json
from collections.abc import Mapping

from spark_model_monitor.data.records import ENCODINGS
from spark_model_monitor.data.records.csv_rows import split_row
from spark_model_monitor.data.records.json_lines import JsonMembers, JsonValue
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.json_text import describe_json_fault

NOT_IN_ONE_LINE = "the object doesn't end in this line; is it cut off?"

MAX_SHOWN_LENGTH = 24  # the most characters of an unknown encoding that are shown
MEMBERS_OF_CAPTURES = (("encoding", '"CSV", "JSON" or "BASE64"'), ("data", "the payload"))


def describe_fault(line: str, reason: str = "", *, separator: str = ",", width: int = 0) -> str:
    """What is wrong with a line, if the line shows that; otherwise empty.

    reason: why the line was refused. separator: the character between cells. width: the expected number of cells.
    """
    text = line.strip()
    if not text.startswith(("{", "[")):
        if reason == Refusal.WRONG_NUMBER_OF_CELLS.text and width:
            return _describe_width(len(split_row(line, separator=separator)), width)
        return _describe_beginning(text)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        if text.endswith(",") and fault.pos == len(text) - 1:
            return "a comma stands after the object; leave out the commas between lines"
        if text in ("{", "[") or (text.startswith("[") and text.endswith(",")):
            return (
                "a document begins that goes over several lines; write --dataset-format json if the file is one document, "
                "else each object in one line"
            )
        return describe_json_fault(fault, NOT_IN_ONE_LINE)
    # The line is nested too deep, or has an integer with more digits than Python reads
    except (RecursionError, ValueError):
        return ""
    if isinstance(document, list):
        instead = "write one object a line"
        if reason != Refusal.NOT_A_CAPTURE.text:
            instead += ", or --dataset-format json for an array in a file"
        return f"an array stands; {instead}"
    # The line is an object, which should be a captured record
    halves = document.get("captureData")
    if isinstance(halves, dict):
        return _describe_capture(halves, reason, width)
    if reason == Refusal.NOT_A_CAPTURE.text:
        return "the object has no captureData; if these are no captures, write the --dataset-format that they have"
    return ""


def _describe_beginning(text: str) -> str:
    """The fault of a line in which something precedes the object; empty if nothing does."""
    if text.startswith('"{'):
        return "the object is a text in quotes, as encoded twice; decode it once"
    if "{" in text and text.endswith("}"):
        return "something stands before the object; leave it out"
    return ""


def _describe_width(cells: int, width: int) -> str:
    return f"the number of cells is {cells:,}, not {width:,}"


def _describe_capture(halves: JsonMembers, reason: str, width: int) -> str:
    """What is wrong with a captured record. width: the expected number of cells of input and output together."""
    instead = "leave such records out, or choose the half that all have by --halves"
    # Both halves must exist; a failed request has no answer
    half_by_name = {name: find_half(halves, name) for name in ("input", "output")}
    for name, half in half_by_name.items():
        if half is None:
            return f"the record has no {name}; {instead}"
    # Each half needs an encoding and data
    payloads = {}
    for name, half in half_by_name.items():
        if not isinstance(half, dict):
            return ""
        for member, values in MEMBERS_OF_CAPTURES:
            if member not in half:
                return f"the {name} has no {member}; write it: {values}"
        if reason == Refusal.UNKNOWN_ENCODING.text and str(half["encoding"]).upper() not in ENCODINGS:
            return f"the {name}'s encoding is {str(half['encoding'])[:MAX_SHOWN_LENGTH]!r}"
        if half["data"] == "":
            return f"the {name}'s data is empty; {instead}"
        if reason != Refusal.PAYLOAD_NOT_JSON.text or str(half["encoding"]).upper() == "JSON":
            payloads[name] = str(half["data"])
    return _describe_payloads(payloads, reason, width)


def _describe_payloads(payloads: Mapping[str, str], reason: str, width: int) -> str:
    """What is wrong with the payloads of input and output, if the reason concerns payloads; otherwise empty."""
    rows = {name: payload.strip().splitlines() for name, payload in payloads.items()}
    if reason == Refusal.UNEQUAL_NUMBERS_OF_ROWS.text:
        # With equally many lines, the output must be a list with rows in one line
        if len(rows["input"]) == len(rows["output"]):
            return "the output is a list of rows, and not as many as the input has"
        counts = " and ".join(f"{len(lines):,} in the {name}" for name, lines in rows.items())
        return f"the number of rows is {counts}"
    if reason == Refusal.WRONG_NUMBER_OF_CELLS.text and width:
        return _describe_width(sum(len(split_row(lines[0])) for lines in rows.values() if lines), width)
    if reason == Refusal.PAYLOAD_NOT_JSON.text:
        for name, payload in payloads.items():
            try:
                json.loads(payload)
            except json.JSONDecodeError as fault:
                return f"the {name}'s encoding is JSON, but its data isn't: {describe_json_fault(fault)}"
            except (RecursionError, ValueError):
                return f"the {name}'s data is nested too deep, or has an integer of too many digits"
    return ""


def find_half(halves: JsonMembers, name: str) -> JsonValue:
    """The first half whose name ends in `name`, ignoring case; None if there is none."""
    return next((half for member, half in halves.items() if member.lower().endswith(name)), None)
