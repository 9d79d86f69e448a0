"""Files by their keys: the end of the path that the hour is read from, and nothing for a file that is not known."""

from __future__ import annotations

import pyarrow as pa

from spark_model_monitor.data.records.locations import FILE_KEY, NO_FILES, FilesByKey
from spark_model_monitor.data.records.windows import parse_hour_of_path

PATHS = [f"file:/data/endpoint/All%20Traffic/2022/04/18/{hour:02d}/10-00-{hour}.jsonl" for hour in range(24)]


def make_key(path):
    return FilesByKey.of([path]).keys[0]


def lines_with(keys):
    return pa.RecordBatch.from_arrays([pa.array(keys, pa.int64())], names=[FILE_KEY])


def test_each_line_gets_its_own_files_hour():
    lines = lines_with([make_key(path) for path in (*PATHS, *reversed(PATHS))])

    paths = FilesByKey.of(PATHS).get_paths(lines)

    assert [parse_hour_of_path(path) for path in paths.to_pylist()] == [
        parse_hour_of_path(path) for path in (*PATHS, *reversed(PATHS))
    ]
    assert paths.to_pylist()[3] == "All%20Traffic/2022/04/18/03/10-00-3.jsonl"


def test_a_file_that_is_not_known_has_an_empty_path():
    files = FilesByKey.of(PATHS[:3])
    lines = lines_with([-(2**63), make_key(PATHS[3]), make_key(PATHS[1]), 2**63 - 1])

    assert files.get_paths(lines).to_pylist() == ["", "", "All%20Traffic/2022/04/18/01/10-00-1.jsonl", ""]
    assert NO_FILES.get_paths(lines).to_pylist() == [""] * 4
    assert files.get_paths(lines.rename_columns(["another"])).to_pylist() == [""] * 4


def test_a_short_path_stays_as_it_is():
    assert FilesByKey.of(["a.jsonl"]).get_paths(lines_with([make_key("a.jsonl")])).to_pylist() == ["a.jsonl"]
