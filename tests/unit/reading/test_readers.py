"""Files as data sets: what a reader makes of good ones, and the sentence for each that is not what the format says."""

from __future__ import annotations

import gzip
import json
import stat

import pytest
from tests.unit.reading.read_data_sets import (
    ENGINE,
    READ_BEFORE_THE_SCAN,
    list_rows,
    read_account,
    read_quarantine,
    sort_rows,
    write_cut_gzip,
)

from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import (
    CsvFormat,
    JsonFormat,
    ParquetFormat,
    ReadOptions,
)
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

CSV = CsvFormat(header=True)
DOCUMENTS = JsonFormat(lines=False)


@pytest.fixture
def read(tmp_path):
    def read_files(dataset_format, path=tmp_path, **options):
        return read_dataset(ENGINE, list_dataset(ENGINE, str(path)), dataset_format, ReadOptions(**options))

    return read_files


def test_csv_of_windows_has_its_cells_and_a_byte_order_mark_is_no_data(read, tmp_path):
    text = '\ufeffage,plan\r\n31,"basic, small"\r\n45,"say ""gold"""\r\n\r\n,\r\n'
    (tmp_path / "data.csv").write_bytes(text.encode())
    profile, ledger, _ = read_account(read(CSV))

    assert [feature.name for feature in profile.features] == ["age", "plan"]
    assert profile.feature("plan").exact_domain == {"basic, small": 1, 'say "gold"': 1}
    assert profile.feature("age").num_missing == 1
    assert (ledger.read, ledger.kept, ledger.quarantined) == (3, 3, 0)


def test_header_lines_of_several_files_are_no_records_and_more_of_them_are_refused(read, tmp_path):
    (tmp_path / "one.csv").write_text("id,age,plan\n7,1,a\n7,2,b\n")
    (tmp_path / "two.csv").write_text('"id","age","plan"\n7,3,a\nid,age,plan\n7,4,b\n')
    profile, ledger, _ = read_account(read(CSV).select_features(["plan", "age"]))

    assert [feature.name for feature in profile.features] == ["plan", "age"]
    assert profile.feature("age").moments.sum == 10
    assert ledger.refused == {"repeated header line": 1}
    assert (ledger.read, ledger.kept) == (5, 4)


def test_a_file_without_its_header_line_loses_no_record(read, tmp_path, caplog):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n")
    (tmp_path / "two.csv").write_text("2,b\n3,c\n")
    _, ledger, _ = read_account(read(CSV))

    assert ledger.kept == 3
    assert "1 of 2 files do not begin with the header line" in caplog.text


@pytest.mark.parametrize(
    ("header", "fault"),
    [("plan,age", "has the columns in another order"), ("AGE,plan", "writes 'age' with other capitals")],
)
def test_a_file_with_another_header_line_fails_by_its_names(read, tmp_path, header, fault):
    (tmp_path / "one.csv").write_text("age,plan\n1,a\n")
    (tmp_path / "two.csv").write_text(f"{header}\n2,b\n")

    with pytest.raises(BadInput, match=rf"two\.csv: its header line {fault} than .*one\.csv"):
        read_account(read(CSV))


def test_folders_are_searched_word_for_word_and_hidden_and_empty_files_are_skipped(read, tmp_path):
    folder = tmp_path / "data [2026] {a} 100% ключ"
    (folder / "deep").mkdir(parents=True)
    for name, text in {"deep/data.csv": "age\n1\n", "_SUCCESS": "no\n", ".b.csv": "age\n2\n", "empty.csv": ""}.items():
        (folder / name).write_text(text)
    _, ledger, _ = read_account(read(CSV, folder))

    assert [file.path.rsplit("/", 1)[-1] for file in ledger.files] == ["data.csv"]
    assert ledger.kept == 1


def test_nothing_to_read_is_said_as_the_service_says_it(tmp_path):
    with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
        list_dataset(ENGINE, str(tmp_path / "nowhere"))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(NoData, match="Job inputs had no data: .* has no file that is neither hidden nor empty"):
        list_dataset(ENGINE, str(tmp_path))


@pytest.mark.parametrize("dataset_format", [CSV, DOCUMENTS], ids=["CSV", "documents"])
def test_rows_are_in_file_order_as_the_service_reads(read, tmp_path, dataset_format):
    for name, numbers in {"a": range(10), "b": range(10, 4_010), "c": range(4_010, 4_080)}.items():
        if dataset_format is CSV:
            text = "\n".join(["row", *map(str, numbers)])
        else:
            text = json.dumps([{"row": number} for number in numbers])
        (tmp_path / name).write_text(text)

    cells = [int(cell) for (cell,) in list_rows(read(dataset_format, as_service=True)) if cell != "row"]

    assert cells == list(range(4_080))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"age": 1, "plan"', "not a JSON object"),
        ('{"age": 1}{"age": 2}', "not a JSON object"),
        ('{"age": 1},{"age": 2}', "several JSON objects in one line"),
        ("[1, 2]", "not a JSON object"),
        ('{"deep": ' + "[" * 100 + "]" * 100 + "}", "nested too deep"),
        ('{"deep": ' + '{"a":' * 5_000 + "1" + "}" * 5_001, "nested too deep"),
        ('{"deep": ' + "[" * 100 + "]" * 100 + ', "deep": 1}', "nested too deep"),
    ],
)
def test_a_line_that_is_not_one_json_object_is_refused_and_no_other(read, tmp_path, line, reason):
    (tmp_path / "data.jsonl").write_text('{"age": 5}\n' + line + '\n{"age": 6, "deep": ' + "[" * 99 + "]" * 99 + "}\n")
    profile, ledger, _ = read_account(read(JsonFormat()))

    assert ledger.refused == {reason: 1}
    assert profile.feature("age").moments.sum == 11


def test_json_documents_are_arrays_of_objects_or_one_object(read, tmp_path):
    (tmp_path / "many.json").write_text(json.dumps([{"age": 1}, {"age": 2}], indent=1))
    (tmp_path / "one.json").write_text(json.dumps({"age": 3}, indent=1))
    (tmp_path / "marked.json").write_text('\ufeff[{"age": 4}]\n')
    (tmp_path / "blank.json").write_text(" \n")
    profile, ledger, _ = read_account(read(DOCUMENTS))

    assert profile.feature("age").moments.sum == 10
    assert ledger.kept == 4


@pytest.mark.parametrize(
    "text", ['[{"age": 1}', '[{"age": 1}] [{"age": 2}', '[{"age": 1}], {"age": 2}', '[{"age": 1}]x']
)
def test_what_is_not_one_json_document_fails_by_name(read, tmp_path, text):
    (tmp_path / "good.json").write_text('[{"age": 1}]')
    (tmp_path / "bad.json").write_text(text)

    with pytest.raises(BadInput, match=r"bad\.json: is not one JSON document"):
        read_account(read(DOCUMENTS))


def test_nested_objects_are_refused_by_name_unless_they_may_be_flattened(read, tmp_path):
    (tmp_path / "data.jsonl").write_text('{"id": 7, "who": {"age": 1, "Age": {"city": "Bern"}}}\n')

    with pytest.raises(BadInput, match="feature 'who' is a nested object; write --flatten-json"):
        read(JsonFormat(), flatten_json=False)
    flat = read(JsonFormat())
    assert (flat.names, sort_rows(flat)) == (("id", "who.Age.city", "who.age"), [(7, "Bern", 1)])


@pytest.mark.parametrize("dataset_format", [JsonFormat(), DOCUMENTS], ids=["lines", "documents"])
def test_keys_that_differ_by_case_are_features_of_their_own_and_of_equal_ones_the_last_counts(
    read, tmp_path, dataset_format
):
    (tmp_path / "one.json").write_text('{"age": 1, "age": 2.5}\n')
    (tmp_path / "two.json").write_text('{"Age": 5, "plan": "a"}\n')
    profile, ledger, _ = read_account(read(dataset_format))

    assert [feature.name for feature in profile.features] == ["Age", "age", "plan"]
    assert [profile.feature(name).moments.sum for name in ("Age", "age")] == [5, 2.5]
    assert (ledger.read, ledger.kept) == (2, 2)


@pytest.mark.parametrize(
    ("name", "content", "dataset_format", "sentence"),
    [
        ("x.csv", b'{"age": 1}\n', CSV, "looks like JSON.*write --dataset-format jsonl"),
        ("x.csv", b"PAR1....", CSV, "is a Parquet file, not text; write --dataset-format parquet"),
        ("x.csv", gzip.compress(b"a\n1\n", mtime=0), CSV, r"its name has to end in \.gz"),
        ("x.csv.gz", b"a\n1\n", CSV, "its name says that it is compressed"),
        ("x.csv", "age\n1\n".encode("utf-16"), CSV, "holds NUL bytes, so it is not UTF-8"),
        ("x.csv", b"plan,a\x00ge\na,1\nb,2\n", CSV, "line 1: the name of column 2 holds a NUL byte"),
        ("x.csv", b"\xff\xfe\xfdage\n1\n", CSV, "line 1 is not UTF-8"),
        ("x.csv", b"\xe4\n1\n", CSV, "line 1 is not UTF-8"),
        ("x.csv", b"age,plan,age\n1,2,3\n", CSV, "columns 1 and 3 are both called 'age'"),
        ("x.csv", b"age;plan\n1;a\n", CSV, 'line 1 has no comma but \';\'.*"separator": ";"'),
        ("x.jsonl", b"age,plan\n1,a\n", JsonFormat(), "no JSON object was found"),
        ("x.parquet", b"age\n1\n", ParquetFormat(), "can't be read as parquet"),
    ],
)
def test_a_file_that_is_not_what_the_format_says_is_named(read, tmp_path, name, content, dataset_format, sentence):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadInput, match=sentence) as raised:
        read_account(read(dataset_format))
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize(("dataset_format", "options"), [pytest.param(CSV, {}, id="CSV"), *READ_BEFORE_THE_SCAN])
def test_a_truncated_gzip_is_named_when_it_is_read_the_first_time(read, tmp_path, dataset_format, options):
    write_cut_gzip(tmp_path / "cut.gz", dataset_format)

    with pytest.raises(BadInput, match=r"cut\.gz: is cut short or damaged"):
        run_baseline(read(dataset_format, **options), DataQualityMonitor())


def test_refused_lines_are_kept_for_their_owner_until_a_run_without_any(read, tmp_path):
    data = tmp_path / "in"
    data.mkdir()

    def run(text, max_quarantined_share):
        (data / "a.csv").write_text(text)
        options = {"output_path": str(tmp_path / "out"), "max_quarantined_share": max_quarantined_share}
        run_baseline(read(CSV, data), DataQualityMonitor(), **options)

    with pytest.raises(BadInput, match=r"1 of 2 records were refused .* they are in .*/quarantine"):
        run("age,city\n1,Bern\n2\n", 0.01)
    assert len(read_quarantine(tmp_path / "out")) == 1
    run("age,city\n1,Bern\n2\n", 1)
    folder = tmp_path / "out" / "quarantine"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
    run("age,city\n1,Bern\n2,Genf\n", 1)
    assert not folder.exists()


def test_a_run_without_an_output_names_the_first_record_that_it_refused(read, tmp_path):
    (tmp_path / "a.csv").write_text("age,city\n1,Bern\n2\n3\n")

    with pytest.raises(
        BadInput, match=r"the first from line 3 of file:\S+/a\.csv, where the number of cells is 1, not 2"
    ):
        run_baseline(read(CSV, tmp_path), DataQualityMonitor())
