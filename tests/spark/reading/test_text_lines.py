"""Lines of text files with the columns that are asked for, and no others in Spark's plan."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tests.spark_lines import explain_plan

from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE
from spark_model_monitor.spark.engine.text_lines import read_text_lines

NAMES = ["2022/04/18/00/a b.jsonl", "2022/04/18/01/ä%20ö.jsonl", "2022/04/18/02/[c]{d}*?.jsonl"]


def list_written(folder):
    for hour, name in enumerate(NAMES):
        path = folder / "All Traffic" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"hour {hour}\n\nhour {hour}\n")
    return folder


def test_every_line_has_the_key_of_its_own_file_whatever_the_file_is_called(spark, tmp_path):
    for in_order in (False, True):
        lines = read_text_lines(spark, str(list_written(tmp_path / str(in_order))), in_order=in_order)
        batch = lines.of(LINE, FILE_KEY).toPandas()

        paths = lines.files_by_key().get_paths(pa.RecordBatch.from_pandas(batch)).to_pylist()
        lines_with_hours = {(line, path.split("/")[-2]) for line, path in zip(batch[LINE], paths, strict=True)}
        assert lines_with_hours == {("hour 0", "00"), ("hour 1", "01"), ("hour 2", "02")}
        assert len(batch) == 6


@pytest.mark.usefixtures("sorts_that_spill")
def test_lines_stay_in_order_when_their_sort_does_not_fit_into_memory(spark, tmp_path):
    lines = [f"line {number}" for number in range(5_000)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    (tmp_path / "b.txt").write_text("last\n" * 10)

    sorted_lines = [row[0] for row in read_text_lines(spark, str(tmp_path), in_order=True).of(LINE).collect()]

    assert sorted_lines == lines + ["last"] * 10


def test_places_that_nobody_wants_are_not_read(spark, tmp_path):
    lines = read_text_lines(spark, str(list_written(tmp_path)))

    alone = explain_plan(lines.of(LINE))
    with_places = explain_plan(lines.of(LINE, FILE, BLOCK_START))

    assert "file_path" not in alone
    assert "file_path" in with_places
