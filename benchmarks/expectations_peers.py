"""Great Expectations or pandera with the twenty rules of expectations_rules.py. Runs in an environment of its own.

python expectations_peers.py great_expectations|pandera FILE     prints the rows that each rule found, then the seconds
"""

from __future__ import annotations

import json
import sys
import time

import pandas as pd
from expectations_rules import DOMAINS, KEYS, LENGTHS, ORDERED, PATTERNS, PRESENT, RANGES
from processor_time import ProcessorTime


def great_expectations(frame: pd.DataFrame) -> dict[str, int]:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    ).get_batch({"dataframe": frame})
    rules = {}
    for name, (low, high) in RANGES.items():
        rules[f"range {name}"] = gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
    for name, domain in DOMAINS.items():
        rules[f"in {name}"] = gxe.ExpectColumnValuesToBeInSet(column=name, value_set=domain)
    for name, pattern in PATTERNS.items():
        rules[f"matches {name}"] = gxe.ExpectColumnValuesToMatchRegex(column=name, regex=f"^(?:{pattern})$")
    for name, length in LENGTHS.items():
        rules[f"length {name}"] = gxe.ExpectColumnValueLengthsToEqual(column=name, value=length)
    for name in PRESENT:
        rules[f"not_null {name}"] = gxe.ExpectColumnValuesToNotBeNull(column=name)
    for name in KEYS:
        rules[f"unique {name}"] = gxe.ExpectColumnValuesToBeUnique(column=name)
    for low, high in ORDERED:
        rules[f"row {low} {high}"] = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=high, column_B=low, or_equal=True
        )
    suite = gx.ExpectationSuite(name="s", expectations=list(rules.values()))
    results = batch.validate(suite, result_format="BASIC").results
    failures = {
        failure.expectation_config.to_json_dict()["type"] + str(failure.expectation_config.kwargs): failure
        for failure in results
    }
    assert len(failures) == len(rules)
    counts = {}
    for name, expectation in rules.items():
        rule_counts = [
            failure
            for failure in results
            if failure.expectation_config.type == expectation.expectation_type
            and all(
                failure.expectation_config.kwargs.get(key) == getattr(expectation, key)
                for key in ("column", "column_A", "column_B")
                if hasattr(expectation, key)
            )
        ]
        counts[name] = rule_counts[0].result["unexpected_count"]
    return counts


def pandera(frame: pd.DataFrame) -> dict[str, int]:
    import pandera.pandas as pa

    columns: dict[str, list[tuple[str, pa.Check]]] = {name: [] for name in frame.columns}
    for name, (low, high) in RANGES.items():
        columns[name].append((f"range {name}", pa.Check.in_range(low, high, error=f"range {name}")))
    for name, domain in DOMAINS.items():
        columns[name].append((f"in {name}", pa.Check.isin(domain, error=f"in {name}")))
    for name, pattern in PATTERNS.items():
        columns[name].append((f"matches {name}", pa.Check.str_matches(f"^(?:{pattern})$", error=f"matches {name}")))
    for name, length in LENGTHS.items():
        columns[name].append((f"length {name}", pa.Check.str_length(length, length, error=f"length {name}")))
    rows = [
        pa.Check(lambda f, a=a, b=b: (f[a] <= f[b]) | f[a].isna() | f[b].isna(), error=f"row {a} {b}")
        for a, b in ORDERED
    ]
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(checks=[check for _, check in cells], nullable=name not in PRESENT, unique=name in KEYS)
            for name, cells in columns.items()
        },
        checks=rows,
    )
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as fault:
        cases = fault.failure_cases
    counts: dict[str, int] = {}
    for (column, check), group in cases.groupby(["column", "check"], dropna=False):
        if check == "not_nullable":
            counts[f"not_null {column}"] = len(group)
        elif check == "field_uniqueness":
            counts[f"unique {column}"] = len(group)
        else:
            counts[str(check)] = group["index"].nunique()
    return counts


def main(name: str, path: str) -> None:
    frame = pd.read_parquet(path)
    run = {"great_expectations": great_expectations, "pandera": pandera}[name]
    run(frame.head(1000))
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    counts = run(pd.read_parquet(path))
    took = time.perf_counter() - began, processor_time.seconds() - began_cores
    print(json.dumps(counts))
    print(*took)


if __name__ == "__main__":
    main(*sys.argv[1:])
