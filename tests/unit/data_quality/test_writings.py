"""The same rows in another file, precision or dialect are the same; what damaged them is still found."""

from __future__ import annotations

import csv
import json
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import BadInput, Baseline, DataQualityMonitor, run_baseline, run_monitoring

ROWS = 600
START = datetime(2024, 1, 1)
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
OUTPUT = "gauss"  # the column that captures have as their answer

Cell: TypeAlias = bool | float | str | Decimal | date | None
Columns: TypeAlias = Mapping[str, list[Cell]]
Document: TypeAlias = "Mapping[str, Document] | list[Document] | float | str | None"
Data: TypeAlias = Path | pd.DataFrame | pa.Table


def draw_row(rng: random.Random) -> dict[str, Cell]:
    row: dict[str, Cell] = {}
    row["gauss"] = rng.gauss(0, 1)
    row["negative"] = -abs(rng.gauss(0, 1))
    row["millions"] = rng.gauss(5e6, 1e5)
    row["tiny"] = rng.gauss(0, 1e-9)
    row["score"] = rng.random()
    row["rounded_score"] = round(rng.random(), 3)
    row["third"] = rng.randrange(1, 9) / 3
    row["exponential"] = rng.expovariate(0.01)
    row["cents"] = round(rng.gauss(50, 5), 2)
    row["tenths"] = round(rng.gauss(50, 5), 1)
    row["half"] = rng.randrange(20) / 2
    row["amount"] = round(rng.lognormvariate(3, 1), 2)
    row["price"] = rng.choice([9.99, 19.99, 29.99, 4.49])
    row["price_point"] = round(rng.randrange(60) + 0.99, 2)
    row["rate"] = rng.choice([0.1, 0.2, 0.3, 0.7])
    row["percent"] = round(rng.uniform(0, 100), 1)
    row["temperature"] = round(rng.gauss(10, 8), 1)
    row["mostly_zero"] = 0.0 if rng.random() < 0.6 else round(rng.expovariate(0.1), 2)
    row["latitude"] = round(rng.gauss(52.5, 0.1), 6)
    row["longitude"] = round(rng.gauss(13.4, 0.1), 6)
    row["whole"] = float(rng.randrange(100))
    row["few_whole"] = float(rng.randrange(3))
    row["constant"] = 1.1
    row["age"] = rng.randrange(18, 90)
    row["items"] = int(rng.expovariate(0.2))
    row["zero_one"] = rng.randrange(2)
    row["grade"] = rng.randrange(5)
    row["signed"] = rng.randrange(-50, 50)
    row["year"] = rng.randrange(1990, 2024)
    row["yyyymmdd"] = 20240101 + rng.randrange(28)
    row["hundreds"] = rng.randrange(1, 40) * 100
    row["account"] = rng.randrange(10**11)
    row["seven"] = 7
    row["decimal"] = Decimal(rng.randrange(100, 9999)).scaleb(-2)
    row["whole_decimal"] = Decimal(rng.randrange(1000))
    row["coarse_decimal"] = Decimal(rng.randrange(100)) * Decimal("1.50")
    row["flag"] = rng.random() < 0.3
    row["rare_flag"] = rng.random() < 0.01
    row["never"] = False
    row["day"] = date(2024, 1, 1) + timedelta(days=rng.randrange(28))
    row["birthday"] = date(1950, 1, 1) + timedelta(days=rng.randrange(20000))
    row["time"] = START + timedelta(seconds=rng.randrange(10**6))
    row["microsecond"] = START + timedelta(microseconds=rng.randrange(10**12))
    row["zoned"] = (START + timedelta(seconds=rng.randrange(10**6))).replace(tzinfo=timezone.utc)
    row["country"] = rng.choice(["DE", "FR", "PL", "ES"])
    row["city"] = rng.choice(["Köln", "São Paulo", "New York"])
    row["postcode"] = f"{rng.randrange(99999):05d}"
    row["eastern_postcode"] = f"0{rng.randrange(1000, 9999)}"
    row["british_postcode"] = f"{rng.choice('ABC')}{rng.randrange(1, 99)} {rng.randrange(9)}AB"
    row["article"] = f"SKU-{rng.randrange(10**5):05d}"
    row["uuid"] = str(uuid.UUID(int=rng.getrandbits(128)))
    row["hexadecimal"] = f"{rng.getrandbits(64):016x}"
    row["mail"] = f"{rng.choice(WORDS)}{rng.randrange(9999)}@example.com"
    row["sentence"] = " ".join(rng.choices(WORDS, k=rng.randrange(3, 9)))
    row["comma"] = f"{rng.choice(WORDS)}, {rng.choice(WORDS)}"
    row["quote"] = f'say "{rng.choice(WORDS)}"'
    row["answer"] = rng.choice(["yes", "no"])
    row["initial"] = rng.choice("YN")
    row["mark"] = rng.choice(["A", "B+", "C-"])
    row["phone"] = f"+49 30 {rng.randrange(10**6, 10**7)}"
    row["address"] = ".".join(str(rng.randrange(256)) for _ in range(4))
    row["version"] = rng.choice(["1.0", "1.10", "2.3.1"])
    row["emoji"] = rng.choice(["🙂", "🙁"])
    row["metal"] = rng.choice(["Gold", "silver", "BRONZE"])
    row["link"] = f"https://example.com/{rng.choice(WORDS)}?q={rng.randrange(17)}"
    row["digit_text"] = str(rng.randrange(5))
    row["month"] = rng.choice(["Jan", "Feb", "Mar"])
    row["clock"] = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
    row["dashed"] = rng.choice(["self-paid", "insured"])
    return row


WITH_MISSING = (
    "gauss",
    "cents",
    "age",
    "decimal",
    "flag",
    "day",
    "time",
    "country",
    "score",
    "price",
    "items",
    "sentence",
)


def make_columns() -> dict[str, list[Cell]]:
    rng = random.Random(90)
    rows = [draw_row(rng) for _ in range(ROWS)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name in WITH_MISSING:
        columns[f"missing_{name}"] = [None if rng.random() < 0.1 else value for value in columns[name]]
    return columns


COLUMNS = make_columns()


NUMBERS: Mapping[str, Callable[[float], str]] = {
    "repr": repr,
    "e": lambda number: f"{number:e}",
    "g": lambda number: f"{number:g}",
    "all digits": lambda number: f"{number:.17e}",
    "single": lambda number: str(np.float32(number)),
    "single as double": lambda number: repr(float(np.float32(number))),
}


def write_cell(value: Cell, number: str, separator: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return NUMBERS[number](value)
    if isinstance(value, datetime):
        return value.isoformat(sep=separator)
    return str(value)


def list_rows(columns: Columns, number: str = "repr", separator: str = " ") -> Iterable[list[str]]:
    return ([write_cell(cell, number, separator) for cell in row] for row in zip(*columns.values(), strict=True))


def write_csv(path: Path, columns: Columns, number: str = "repr", separator: str = " ") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(list_rows(columns, number, separator))
    return path


def write_json_cell(value: Cell) -> float | str | None:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def list_records(columns: Columns) -> list[dict[str, float | str | None]]:
    return [dict(zip(columns, map(write_json_cell, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def write_lines(path: Path, documents: Iterable[Document]) -> Path:
    path.write_text("".join(f"{json.dumps(document)}\n" for document in documents), encoding="utf-8")
    return path


def make_frame(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def make_table(columns: Columns, doubles: pa.DataType | None = None, integers: pa.DataType | None = None) -> pa.Table:
    table = pa.table(columns)
    types = {
        name: doubles if doubles and pa.types.is_floating(column.type) else column.type
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    if integers is not None:
        types |= {name: integers for name in table.column_names if pa.types.is_integer(table[name].type)}
    return pa.table({name: table[name].cast(data_type, safe=False) for name, data_type in types.items()})


def write_parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def write_captures(path: Path, columns: Columns) -> Path:
    path.mkdir()

    def make_half(data: str, mode: str) -> dict[str, str]:
        return {"observedContentType": "application/json", "mode": mode, "data": data, "encoding": "JSON"}

    documents = []
    for index, record in enumerate(list_records(columns)):
        answer = json.dumps({OUTPUT: record.pop(OUTPUT)})
        halves = {
            "endpointInput": make_half(json.dumps(record), "INPUT"),
            "endpointOutput": make_half(answer, "OUTPUT"),
        }
        metadata = {"eventId": f"event-{index}", "inferenceTime": f"2024-03-04T20:{index // 10:02d}:00Z"}
        documents.append({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"})
    write_lines(path / "captures.jsonl", documents)
    return path


WRITINGS: Mapping[str, Callable[[Path, Columns], Data]] = {
    "CSV": lambda folder, columns: write_csv(folder / "rows.csv", columns),
    "CSV with T in times": lambda folder, columns: write_csv(folder / "t.csv", columns, separator="T"),
    "CSV of 32 bits": lambda folder, columns: write_csv(folder / "single.csv", columns, "single"),
    "CSV of 32 bits in doubles": lambda folder, columns: write_csv(folder / "cast.csv", columns, "single as double"),
    "CSV with all digits": lambda folder, columns: write_csv(folder / "e.csv", columns, "all digits"),
    "CSV with %e": lambda folder, columns: write_csv(folder / "short.csv", columns, "e"),
    "CSV with %g": lambda folder, columns: write_csv(folder / "shorter.csv", columns, "g"),
    "JSON Lines": lambda folder, columns: write_lines(folder / "rows.jsonl", list_records(columns)),
    "JSON": lambda folder, columns: write_lines(folder / "rows.json", [list_records(columns)]),
    "Parquet": lambda folder, columns: write_parquet(folder / "rows.parquet", make_table(columns)),
    "Parquet of 32 bits": lambda folder, columns: write_parquet(
        folder / "single.parquet", make_table(columns, doubles=pa.float32())
    ),
    "Parquet with doubles for integers": lambda folder, columns: write_parquet(
        folder / "doubles.parquet", make_table(columns, integers=pa.float64())
    ),
    "pandas": lambda folder, columns: make_frame(columns),
    "Arrow": lambda folder, columns: make_table(columns),
    "captures": lambda folder, columns: write_captures(folder / "captures", columns),
}
BASELINES = (
    "CSV",
    *(pytest.param(writing, marks=pytest.mark.nightly) for writing in ("JSON Lines", "Parquet", "captures")),
)


def list_violations(writing: str, folder: Path, columns: Columns, baseline: Baseline) -> set[str | None]:
    dataset_format = "capture" if writing == "captures" else None
    findings = run_monitoring(
        WRITINGS[writing](folder, columns), DataQualityMonitor(), baseline, dataset_format=dataset_format
    )
    return {f"{finding.feature}: {finding.check}" for finding in findings.results if finding.is_violation}


@pytest.fixture(scope="module", params=BASELINES)
def baseline(request, tmp_path_factory):
    dataset_format = "capture" if request.param == "captures" else None
    data = WRITINGS[request.param](tmp_path_factory.mktemp("baseline"), COLUMNS)
    return run_baseline(data, DataQualityMonitor(), dataset_format=dataset_format)


@pytest.mark.parametrize("writing", WRITINGS)
def test_the_same_rows_in_another_writing_are_no_alarm(writing, baseline, tmp_path):
    assert list_violations(writing, tmp_path, COLUMNS, baseline) == set()


DAMAGES: Mapping[str, tuple[str, Callable[[Cell], Cell]]] = {
    "leading zeros": ("postcode", lambda text: str(int(text))),
    "leading zeros of codes": ("eastern_postcode", lambda text: text[1:]),
    "another unit": ("cents", lambda number: number * 100),
    "another unit of decimals": ("decimal", lambda number: number * 1000),
    "rounded doubles": ("gauss", lambda number: round(number, 2)),
    "rounded positions": ("latitude", lambda number: round(number, 2)),
    "rounded skewed numbers": ("exponential", lambda number: round(number, 1)),
    "rounded to tenths": ("cents", lambda number: round(number, 1)),
    "texts": ("age", lambda number: f"{number} years"),
    "texts for flags": ("flag", lambda flag: "Yes" if flag else "No"),
    "one cent": ("price", lambda number: round(number + 0.01, 2)),
    "the opposite": ("flag", lambda flag: not flag),
    "another order of dates": ("day", lambda day: f"{day:%d/%m/%Y}"),
    "other capitals": ("country", str.lower),
    "halves": ("age", lambda number: number + 0.5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_columns_are_found(damage, tmp_path, undamaged):
    name, change = DAMAGES[damage]
    columns = {name: [*map(change, COLUMNS[name])]}
    folder = tmp_path
    violations = list_violations("CSV", folder, {"gauss": COLUMNS["gauss"], **columns}, undamaged[name])
    assert [violation for violation in violations if violation.startswith(name)]


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    baselines = {}
    for name in {name for name, _ in DAMAGES.values()}:
        path = write_csv(
            tmp_path_factory.mktemp("undamaged") / "rows.csv", {"gauss": COLUMNS["gauss"], name: COLUMNS[name]}
        )
        baselines[name] = run_baseline(path, DataQualityMonitor())
    return baselines


@pytest.mark.parametrize("ending", ["T00:00:00.000", " 00:00:00", "T00:00Z"])
def test_midnight_beside_a_day_says_nothing(ending, tmp_path):
    days = pd.date_range("2026-01-01", periods=400).strftime("%Y-%m-%d")
    for baseline, now in ((days, days + ending), (days + ending, days)):
        before = run_baseline(pd.DataFrame({"day": baseline, "x": 1}), DataQualityMonitor(), engine="local")
        findings = run_monitoring(pd.DataFrame({"day": now, "x": 1}), DataQualityMonitor(), before, engine="local")
        assert findings.count == 0


def test_another_precision_is_one_hint(tmp_path):
    columns = {"price": COLUMNS["price"], "gauss": COLUMNS["gauss"], "age": COLUMNS["age"]}
    before = run_baseline(write_csv(tmp_path / "before.csv", columns), DataQualityMonitor())
    path = write_csv(tmp_path / "now.csv", columns, "single as double")
    hints = run_monitoring(path, DataQualityMonitor(), before).hints
    assert [hint.features for hint in hints] == [("price", "gauss")]


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        pytest.param(("age", "monthly income"), "but for capitals,", id="capitals"),
        pytest.param(("Age ", " Monthly Income"), "but for blanks, _, quotes or accents,", id="blanks"),
        pytest.param(("\u200bAge", "Monthly_Income"), "but for blanks, _, quotes or accents,", id="underscore"),
        pytest.param(("'Age'", "monthly_income"), "but for capitals, blanks, _, quotes or accents,", id="all"),
    ],
)
def test_columns_whose_names_are_nearly_the_baselines_are_compared(names, difference, tmp_path, caplog):
    columns = {"Age": COLUMNS["age"], "Monthly Income": COLUMNS["cents"]}
    before = run_baseline(write_csv(tmp_path / "before.csv", columns), DataQualityMonitor())
    renamed = dict(zip(names, columns.values(), strict=True))
    findings = run_monitoring(make_frame(renamed), DataQualityMonitor(), before)
    assert not any(finding.is_violation for finding in findings.results)
    assert [record.message for record in caplog.records if difference in record.message]
    # The service knows no spelling
    service = DataQualityMonitor(as_service=True)
    replayed = run_monitoring(
        make_frame({**renamed, "x": COLUMNS["age"]}), service, run_baseline(make_frame(columns), service)
    )
    assert any(finding.is_violation for finding in replayed.results)


def test_two_columns_that_become_one_are_refused():
    before = run_baseline(make_frame({"Age": COLUMNS["age"], "x": COLUMNS["gauss"]}), DataQualityMonitor())
    later = make_frame({"age": COLUMNS["age"], "Age ": COLUMNS["age"], "x": COLUMNS["gauss"]})
    with pytest.raises(BadInput, match="both called 'Age'"):
        run_monitoring(later, DataQualityMonitor(), before)


@pytest.mark.parametrize("is_partition", [True, False], ids=["window", "baseline"])
def test_a_partition_is_no_column_of_its_table(is_partition, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = tmp_path / "table" / "dt=2024-02-01"
    folder.mkdir(parents=True)
    columns = {"age": COLUMNS["age"], "price": COLUMNS["price"]}
    write_parquet(folder / "part-0.parquet", make_table(columns))
    # A table has the column that its folders' names are
    table = write_parquet(folder / "dt=1.parquet", make_table({**columns, "dt": COLUMNS["day"]}))
    baseline, window = (table, folder / "part-0.parquet") if is_partition else (folder / "part-0.parquet", table)
    before = run_baseline(baseline, DataQualityMonitor(), engine="local")
    findings = run_monitoring(window, DataQualityMonitor(), before, engine="local")
    assert not any(finding.is_violation for finding in findings.results)
    assert "not compared, as folders' names on one side alone: dt" in caplog.messages
