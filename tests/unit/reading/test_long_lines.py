"""Lines that are longer than a job takes are found, whatever a file is and however it is read."""

from __future__ import annotations

import bz2
import gzip
import random
import re

import pytest
from tests.engine_in_process import InProcess

from spark_model_monitor.data.engine import local_files
from spark_model_monitor.data.reading import csv_lines as module
from spark_model_monitor.data.reading.csv_lines import find_long_lines, measure_long_lines
from spark_model_monitor.data.reading.ledger import LongLine
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.storage import LocalStorage


def expected(text, maximum):
    """By Python's regular expressions, over the whole text."""
    begun = 3 * text.startswith(b"\xef\xbb\xbf")
    long_lines = []
    number = 1
    for end in re.finditer(rb"\r\n|\n|\r|\Z", text[begun:] and text):
        if end.start() < begun:
            continue
        if end.start() - begun > maximum:
            long_lines.append((number, begun, end.start() - begun))
        begun = end.end()
        number = number + 1
    return long_lines


def cut(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", range(1, 8))
def test_long_lines_do_not_depend_on_how_a_text_is_cut_into_pieces(size):
    rng = random.Random(size)
    for _ in range(500):
        text = bytes(rng.choices(b"aaaaa\r\n", k=rng.randrange(40)))
        if size > 2:
            text = rng.choice([b"", b"\xef\xbb\xbf"]) + text

        assert list(measure_long_lines(cut(text, size), 7)) == expected(text, 7)


LONG = b"x" * 5000
TEXT = b"a,b\r\n1,2\n" + LONG + b"\n3,4\n" + b"y" * 4000 + b"\n\n" + LONG + b"y"
FOUND = [(3, 9, 5000), (7, 9016, 5001)]
"""By hand: `a,b` and `1,2` with their ends are 9 bytes; 5,000 + 1 + 4 + 4,000 + 1 + 1 lie between the two."""


def test_the_expected_places_are_those_of_the_text():
    assert [TEXT[start : start + size] for _, start, size in FOUND] == [LONG, LONG + b"y"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv", bytes),
        ("a.csv.gz", gzip.compress),
        ("a.csv.bz2", bz2.compress),
        # several members, as `cat` and Firehose leave them
        ("b.csv.gz", lambda text: b"".join(map(gzip.compress, cut(text, 4500)))),
        ("b.csv.bz2", lambda text: b"".join(map(bz2.compress, cut(text, 4500)))),
    ],
)
@pytest.mark.parametrize("maximum", [4096, 4999])
def test_every_long_line_is_named_with_its_place_and_its_size(tmp_path, name, pack, maximum):
    (tmp_path / name).write_bytes(pack(TEXT))
    (tmp_path / "other.csv").write_bytes(b"1,2\n" * 3000)
    files = LocalStorage().list_files(str(tmp_path))

    assert find_long_lines(InProcess(max_line_bytes=maximum), files) == tuple(
        LongLine(f"file:{tmp_path / name}", *location) for location in FOUND
    )


class Counting(LocalStorage):
    """Local files, and how many of their bytes were read."""

    def __init__(self):
        self.read_bytes = 0

    def read(self, path, at_most=None, start=0):
        content = super().read(path, at_most, start)
        self.read_bytes += len(content)
        return content


class CountingEngine(InProcess):
    def storage(self, path):
        return STORAGES[-1]


STORAGES: list[Counting] = []


@pytest.fixture
def storage():
    STORAGES.append(Counting())
    yield STORAGES[-1]
    STORAGES.pop()


def test_a_large_file_of_short_lines_is_looked_at_here_and_there(tmp_path, storage):
    (tmp_path / "a.csv").write_bytes(b"1234567,\n" * 5_000_000)
    long_lines = find_long_lines(CountingEngine(max_line_bytes=8 * 2**20), LocalStorage().list_files(str(tmp_path)))

    assert long_lines == ()
    assert storage.read_bytes <= 6 * 2 * module.PROBE_BYTES  # 45 MB are cut at 6 places


def test_a_file_below_the_limit_is_not_opened(tmp_path, storage):
    (tmp_path / "a.csv").write_bytes(b"x" * 4096)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x" * 20))

    assert find_long_lines(CountingEngine(max_line_bytes=2**20), LocalStorage().list_files(str(tmp_path))) == ()
    assert storage.read_bytes == 0


@pytest.mark.parametrize("before", [0, 1, 4 * 2**20 - 1, 4 * 2**20, 4 * 2**20 + 1, 6 * 2**20 + 17])
@pytest.mark.parametrize("more", [0, 1])
def test_places_that_are_looked_at_miss_no_long_line(tmp_path, before, more):
    maximum = module.MIN_PROBED_BYTES
    short = (b"s" * 99 + b"\n") * (before // 100) + b"s" * (before % 100 - 1) + b"\n" * (before % 100 > 0)
    (tmp_path / "a.csv").write_bytes(short + b"x" * (maximum + more) + b"\n" + b"t\n" * 3_000_000)
    long_lines = find_long_lines(InProcess(max_line_bytes=maximum), LocalStorage().list_files(str(tmp_path)))

    assert [(line.start, line.size_bytes) for line in long_lines] == [(len(short), maximum + 1)] * more


def test_a_damaged_file_is_left_to_the_reader(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(bytes(random.Random(1).choices(range(11, 256), k=9000)))[:-900])

    assert find_long_lines(InProcess(max_line_bytes=100_000), LocalStorage().list_files(str(tmp_path))) == ()


def test_a_gzip_of_one_member_is_not_decompressed_if_it_says_that_its_text_is_short(tmp_path):
    """RFC 1952: the last four bytes are the size of the text. Here they lie, which nobody who believes them finds out."""
    packed = gzip.compress(b"x" * 9000)
    (tmp_path / "a.csv.gz").write_bytes(packed[:-4] + (5000).to_bytes(4, "little"))

    assert find_long_lines(InProcess(max_line_bytes=6000), LocalStorage().list_files(str(tmp_path))) == ()
    assert len(find_long_lines(InProcess(max_line_bytes=4000), LocalStorage().list_files(str(tmp_path)))) == 1


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(gzip.compress(b"1,2\n"), id="a member of few bytes"),
        pytest.param(gzip.compress(bytes(random.Random(1).choices(range(32, 127), k=5000))), id="a member of more"),
        pytest.param(bytes(8), id="padding"),
    ],
)
def test_what_stands_behind_the_first_member_of_a_gzip_hides_no_long_line(tmp_path, behind):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x" * 9000 + b"\n") + behind)
    [long_line] = find_long_lines(InProcess(max_line_bytes=6000), LocalStorage().list_files(str(tmp_path)))

    assert (long_line.number, long_line.start, long_line.size_bytes) == (1, 0, 9000)


@pytest.mark.parametrize("read_bytes", [1, 3, 16])
def test_the_reader_without_a_jvm_passes_over_long_lines_wherever_a_file_is_cut(tmp_path, monkeypatch, read_bytes):
    monkeypatch.setattr(local_files, "READ_BYTES", read_bytes)
    rng = random.Random(read_bytes)
    for number in range(150):
        text = bytes(rng.choices(b"aaaaaaaab\r\n", k=rng.randrange(1, 90)))
        (tmp_path / "x.txt").write_bytes(text)
        file = local_files.File(f"file:{tmp_path}/x.txt", len(text))
        pieces = local_files.split_text_file(file, rng.randrange(1, 40))

        lines_read = [
            line
            for piece in pieces
            for batch in local_files.read_lines_of_piece(piece, names=(LINE,), max_rows=9, max_bytes=7)
            for line in batch.column(0).to_pylist()
        ]

        assert lines_read == [line.decode() for line in re.split(rb"\r\n|\r|\n", text) if 0 < len(line) <= 7], (
            number,
            text,
        )
