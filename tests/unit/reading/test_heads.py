"""The beginning of a CSV file: where its header line ends, and what is no header line."""

from __future__ import annotations

import bz2
import gzip

import pyarrow as pa
import pytest
from tests.engine_in_process import InProcess
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.csv_headers import find_header_line_number, read_names
from spark_model_monitor.data.reading.file_heads import HEAD_BYTES, find_first_line, read_first_lines, read_head
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.decoded_rows import ColumnMatching
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set
from spark_model_monitor.statistics.states.profile import Measures
from spark_model_monitor.storage import LocalStorage

TEXT = {
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "vertical tab": "\v",
    "form feed": "\f",
    "next line": "\x85",
    "file separator": "\x1c",
    "group separator": "\x1d",
    "record separator": "\x1e",
}
"""What Python's `splitlines` takes for the end of a line, and readers of files do not."""


def read(tmp_path, text, *, header=True, name="a.csv"):
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    engine = InProcess()
    return read_dataset(engine, list_dataset(engine, str(tmp_path)), CsvFormat(header=header))


@pytest.mark.parametrize("letter", [pytest.param(letter, id=name) for name, letter in TEXT.items()])
@pytest.mark.parametrize("written", ["a{}b,c", '"a{}b",c', "{}a,c", "a,c{}"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_header_is_not_cut_within_its_text(tmp_path, letter, written, line_end):
    header = written.format(letter)
    dataset = read(tmp_path, line_end.join([header, "1,2", f"3,{letter}", ""]))
    ledger = dataset.ledger(scan_data_set(Measures(), dataset, None).rows)

    assert dataset.names == tuple(header.replace('"', "").split(","))
    assert (ledger.read, ledger.kept, ledger.refused) == (2, 2, {})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_ends_where_it_ends_for_the_reader(line_end):
    assert find_first_line(line_end.join(["", " ", "a,b", "1,2"])) == "a,b"
    assert find_first_line(line_end) is None


def test_a_nul_in_a_later_line_is_no_sign_of_utf_16(tmp_path):
    dataset = read(tmp_path, "a,b\n1,2\n3,\x00\n5,6,7\n")
    ledger = dataset.ledger(scan_data_set(Measures(), dataset, None).rows)

    assert (ledger.read, ledger.kept, ledger.refused) == (3, 2, {"wrong number of cells": 1})


@pytest.mark.parametrize("letters", ["é", "\u2028", "\U0001f600", "aé", "ab\u2028"])
def test_a_byte_order_mark_moves_no_fault_of_a_later_line_into_a_letter(tmp_path, letters):
    """The place of bytes that are not UTF-8 was counted without the mark, and the text cut in the middle of a letter."""
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfa,b\n1," + letters.encode() + b"\xff\n3,4\n")
    engine = InProcess()
    dataset = read_dataset(engine, list_dataset(engine, str(tmp_path)), CsvFormat(header=True))
    ledger = dataset.ledger(scan_data_set(Measures(), dataset, None).rows)

    assert dataset.names == ("a", "b")
    assert (ledger.read, ledger.kept, ledger.refused) == (2, 1, {"not UTF-8": 1})


@pytest.mark.parametrize("written", [bytes, gzip.compress])
def test_the_first_record_of_a_file_is_found_behind_its_byte_order_mark(tmp_path, written):
    line = encode_line(captured('{"a": 1}', '{"p": 2}', encoding="JSON"))
    (tmp_path / ("a.jsonl" if written is bytes else "a.jsonl.gz")).write_bytes(written(b"\xef\xbb\xbf" + line + b"\n"))
    engine = InProcess()
    dataset = read_captures(engine, list_captures(engine, str(tmp_path)), CaptureFormat())
    ledger = dataset.ledger(scan_data_set(Measures(), dataset, None).rows)

    assert (dataset.names, ledger.kept, ledger.refused) == (("p", "a"), 1, {})


def zstd(text: bytes) -> bytes:
    return pa.compress(text, "zstd", asbytes=True)


LONG = b"x" * (HEAD_BYTES + 5)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (LONG + b"\n1\n2\n", [b"1", b"2", b"", LONG]),
        (LONG + b"\n1\n2", [b"1", b"2", LONG]),
        (LONG + b"\r\n1\r\n2\r\n", [b"1", b"2", b"", LONG]),
        (b"1\n" + LONG + b"\n2\n", [b"1", b"2", b"", LONG]),
        (LONG + b"\n" + LONG + b"y\n1\n", [b"1", b"", LONG]),
        (LONG * 3 + b"\n1", [b"1"]),
        (LONG, [LONG]),
        (b"1\n2", [b"1", b"2"]),
    ],
    ids=["first", "no last end", "carriage returns", "second", "two", "longer than any record", "alone", "none"],
)
@pytest.mark.parametrize("write", [bytes, gzip.compress, bz2.compress, zstd])
def test_first_lines_pass_over_a_line_that_is_longer_than_the_beginning(tmp_path, write, text, lines):
    suffix = {bytes: "", gzip.compress: ".gz", bz2.compress: ".bz2", zstd: ".zst"}[write]
    (tmp_path / f"a.jsonl{suffix}").write_bytes(write(text))
    engine = InProcess(max_line_bytes=2 * HEAD_BYTES)
    [listed] = LocalStorage().list_files(str(tmp_path))

    assert [*read_first_lines(engine, listed)] == lines


@pytest.mark.parametrize("limit", [HEAD_BYTES, 4 * HEAD_BYTES])
@pytest.mark.parametrize("length", [HEAD_BYTES, 2 * HEAD_BYTES])
@pytest.mark.parametrize("is_readable", [True, False])
def test_a_first_record_longer_than_the_beginning_decides_nothing_of_the_others(tmp_path, limit, length, is_readable):
    payload = '{"c": "' + "x" * length + ('"}' if is_readable else "")
    long = encode_line(captured(payload, '{"p": 2}', encoding="JSON"))
    line = encode_line(captured('{"a": 1}', '{"p": 2}', encoding="JSON"))
    (tmp_path / "a").write_bytes(long + b"\n" + (line + b"\n") * 9)
    engine = InProcess(max_line_bytes=limit)
    assert detect_format(engine, str(tmp_path)) == "capture"

    dataset = read_captures(engine, list_captures(engine, str(tmp_path)), CaptureFormat())
    ledger = dataset.ledger(scan_data_set(Measures(), dataset, None).rows)

    assert dataset.names == ("p", "a")
    assert ledger.read == 10
    assert ledger.kept >= 9


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstd])
@pytest.mark.parametrize("members", [[b"", b"a,b\n1,2\n"], [b"\n", b"", b"a,", b"b\n1,2\n"], [b"a,b\n", b"1,2\n"]])
def test_the_header_line_is_looked_for_in_all_members_of_a_compressed_file(tmp_path, compress, members):
    """As gzip and bzip2 have it: members that stand one behind the other are one file."""
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", zstd: "zst"}[compress]
    file = tmp_path / f"a.csv.{suffix}"
    file.write_bytes(b"".join(map(compress, members)))
    [listed] = LocalStorage().list_files(str(tmp_path))

    assert read_head(LocalStorage(), listed).strip() == b"a,b\n1,2"


def test_what_stands_behind_the_last_member_is_left_to_the_reader(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n") + b"\x00" * 512)
    [listed] = LocalStorage().list_files(str(tmp_path))

    assert read_head(LocalStorage(), listed) == b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("a.csv.gz", gzip.compress(b"a,b")[:10], "is cut short or damaged", id="gzip, cut"),
        pytest.param("a.csv.bz2", bz2.compress(b"a,b\n" * 9)[:-20], "is cut short or damaged", id="bzip2, cut"),
        pytest.param(
            "a.csv.gz", b"secret,1\n", r"can't be decompressed \(BadGzipFile\)", id="a value in place of gzip"
        ),
        pytest.param("a.csv.zst", b"secret,1\n", r"can't be decompressed \(OSError\)", id="a value in place of zstd"),
        pytest.param("a.csv", b"\x28\xb5\x2f\xfd", r"is compressed with zstd; its name has to end in .zst", id="zstd"),
        pytest.param("a.csv.zip", b"PK\x03\x04", "with zip, which is not read; compress it with gzip", id="zip"),
    ],
)
def test_what_is_compressed_otherwise_or_not_whole_is_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    [listed] = LocalStorage().list_files(str(tmp_path))

    with pytest.raises(BadInput, match=sentence):
        read_head(LocalStorage(), listed)


def test_no_more_than_the_beginning_of_a_compressed_file_is_decompressed(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a" * (HEAD_BYTES - 3)) + gzip.compress(b"b" * 10))
    [listed] = LocalStorage().list_files(str(tmp_path))

    assert read_head(LocalStorage(), listed)[-5:] == b"aabbb"


@pytest.mark.parametrize(
    ("ending", "write"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd)]
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", ["a,b", "\na,b", "\u4e2d\u6587"])
def test_utf_16_is_reported_by_its_first_line(tmp_path, encoding, line_end, text, ending, write):
    content = f"{text}\n1,2\n".replace("\n", line_end).encode(encoding)
    (tmp_path / f"a.csv{ending}").write_bytes(write(content))
    engine = InProcess()

    with pytest.raises(BadInput, match=rf"a\.csv{ending}: holds NUL bytes, so it is not UTF-8 text"):
        read_dataset(engine, list_dataset(engine, str(tmp_path)), CsvFormat(header=True))


@pytest.mark.parametrize("nul_count", [1, 1_500])
@pytest.mark.parametrize(("dataset_format", "line"), [(JsonFormat(), '{"plan": "%s"}\n'), (CsvFormat(), "1,%s\n")])
def test_nul_bytes_in_the_first_record_are_of_that_record_alone(tmp_path, dataset_format, line, nul_count):
    (tmp_path / "a.txt").write_text("".join(line % plan for plan in ("\x00" * nul_count, "a", "b")))
    engine = InProcess()
    dataset = read_dataset(engine, list_dataset(engine, str(tmp_path)), dataset_format)
    records = dataset.ledger(scan_data_set(Measures(), dataset, None).rows).to_json_dict()["records"]

    assert (records["read"], records["kept"] + sum(records["quarantined"].values())) == (3, 3)
    assert records["kept"] >= 2


def test_cells_that_are_filled_up_with_nul_bytes_are_data(tmp_path):
    assert read(tmp_path, "a,b\n" + "1,x\x00\x00\n" * 9).names == ("a", "b")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_name_longer_than_any_is_a_fault_of_the_file(tmp_path, name):
    header = 'a,"' + "b" * 131_073 + '",c'

    with pytest.raises(BadInput, match=r"a\.csv.*line 1: the name of column 2 has 131,073 letters.*csv-without-header"):
        read(tmp_path, f"{header}\n1,2,3\n", name=name)


def test_a_name_that_is_as_long_as_may_be_is_one(tmp_path):
    assert read(tmp_path, "b" * 131_072 + ",c\n1,2\n").names == ("b" * 131_072, "c")


def test_a_long_text_of_a_file_without_a_header_is_a_cell(tmp_path):
    dataset = read(tmp_path, "b" * 200_000 + ",c\n1,2\n", header=False)

    assert dataset.names == ("_c0", "_c1")
    assert dataset.ledger(scan_data_set(Measures(), dataset, None).rows).kept == 2


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("text", [",".join(["1"] * HEAD_BYTES), "a" + "é" * HEAD_BYTES], ids=["cells", "a cut letter"])
def test_a_first_line_without_an_end_is_a_fault_of_the_file(tmp_path, name, text):
    with pytest.raises(BadInput, match=r"a\.csv.*: line 1 is longer than 4 MiB"):
        read(tmp_path, text, name=name, header=False)


def test_columns_that_nobody_named_are_matched_by_their_position(tmp_path):
    dataset = read(tmp_path, "1,2\n", header=False)
    positions = ["_c0", "_c1"]

    assert dataset.match_with(positions).matched_by is ColumnMatching.POSITION
    renamed = dataset.match_with(["age", "label"])
    assert (renamed.names, renamed.matched_by) == (("age", "label"), ColumnMatching.POSITION)


def test_a_name_with_another_files_separator_is_one_where_commas_part_names(tmp_path):
    assert read(tmp_path, "a,b;c\n1,2\n").names == ("a", "b;c")


@pytest.mark.parametrize(
    ("text", "number"), [("a,b\n1,2\n", 1), ("\n  \na,b\n1,2\n", 3), ("\nsep=;\na;b\n1;2\n", 3), ("\n", 1)]
)
def test_the_header_is_the_first_line_that_is_neither_blank_nor_excels(text, number):
    assert find_header_line_number(text.encode()) == number


def test_names_are_reported_from_their_cells():
    assert read_names(["a", "", "b"], "x") == ("a", "_c1", "b")
