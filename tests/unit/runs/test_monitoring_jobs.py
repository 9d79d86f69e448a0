"""Jobs of data quality: which columns they compare, what they say that looks wrong, and what their flags change."""

import gzip
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.checks.facts import FACTS

from .local_jobs import LocalJobs, list_warnings

ROWS = 400
COLUMNS = ("score", "age", "charge", "plan")
BASELINE = "baseline --dataset-source"
HEADER_IS_DATA = (
    "the first row of the CSV looks like a record, not like the names of {} columns; "
    "write --dataset-format csv-without-header, or a header line"
)


@pytest.fixture(scope="module")
def people():
    """A model's score, then the customer's age, charge and plan."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "score": rng.random(ROWS).round(4),
            "age": rng.integers(18, 90, ROWS),
            "charge": rng.lognormal(5, 0.4, ROWS).round(2),
            "plan": rng.choice(["basic", "gold"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def jobs(people, tmp_path_factory):
    """Jobs in a folder that has a baseline of those customers, and hours of captures of them."""
    jobs = LocalJobs(tmp_path_factory.mktemp("monitoring"))
    jobs.write("people.csv", people.to_csv(index=False))
    jobs.write("bare.csv", people.to_csv(index=False, header=False))
    jobs.write("renamed.csv", people.rename(columns={"age": "years"}).to_csv(index=False))
    people.to_parquet(jobs.folder / "people.parquet")
    swapped = people[["score", "charge", "age", "plan"]]
    write_captures(jobs, "healthy.jsonl", people.astype(str).agg(",".join, axis=1))
    write_captures(jobs, "swapped.jsonl", swapped.astype(str).agg(",".join, axis=1))
    write_captures(jobs, "narrow.jsonl", people[["score", "age"]].astype(str).agg(",".join, axis=1))
    write_captures(jobs, "objects.jsonl", map(json.dumps, swapped.to_dict("records")), "JSON")
    assert list_warnings(jobs.run(f"{BASELINE} people.csv --output-path baseline")) == []
    return jobs


def write_captures(jobs, name, rows, encoding="CSV"):
    records = [{"captureData": {"endpointInput": {"data": row, "encoding": encoding}}} for row in rows]
    jobs.write(name, "".join(f"{json.dumps(record)}\n" for record in records))


def monitor(jobs, source, flags=""):
    """What the monitoring job said of a source of the folder; its files are in `report`."""
    shutil.rmtree(jobs.folder / "report", ignore_errors=True)
    dataset_format = "--dataset-format capture" if source.endswith(".jsonl") else ""
    return jobs.run(
        f"monitor --dataset-source {source} {dataset_format} --baseline baseline --output-path report {flags}"
    )


def name_violations(jobs):
    return [(v["feature_name"], v["constraint_check_type"]) for v in jobs.read_violations("report")]


def read_hints(jobs):
    return jobs.read_checks("report").get("hints", [])


@pytest.mark.parametrize(
    ("source", "flags", "matched_by"),
    [
        ("healthy.jsonl", "", "position"),
        ("narrow.jsonl", "", None),  # another number of columns is matched with nothing
        ("objects.jsonl", "", "name, else position"),
        ("people.csv", "", "name"),
        ("renamed.csv", "", "name"),
        ("people.parquet", "", "name"),
        ("bare.csv", "--dataset-format csv-without-header", "position"),
    ],
)
def test_the_ledger_and_the_log_say_how_columns_were_matched(jobs, source, flags, matched_by):
    log_text = monitor(jobs, source, f"{flags} --no-report")

    assert jobs.read("report/ledger.json").get("columns_matched_by") == matched_by
    log_line = f"INFO {ROWS} records: columns matched with the baseline's by {matched_by}\n"
    assert (log_line in log_text) == (matched_by is not None)
    if source in ("healthy.jsonl", "objects.jsonl", "people.csv", "people.parquet"):
        assert read_hints(jobs) == list_warnings(log_text) == []
        assert name_violations(jobs) == []


def test_without_names_in_the_baseline_columns_are_matched_by_position_and_a_baseline_with_nothing(jobs):
    bare = "--dataset-source bare.csv --dataset-format csv-without-header"
    jobs.run(f"baseline {bare} --output-path unnamed")
    jobs.run(f"monitor {bare} --baseline unnamed --output-path unnamed-report")

    assert jobs.read("unnamed-report/ledger.json")["columns_matched_by"] == "position"
    assert "columns_matched_by" not in jobs.read("unnamed/ledger.json")


def test_two_columns_of_captures_that_changed_places_are_named_but_not_where_the_service_is_replayed(jobs):
    log_text = monitor(jobs, "swapped.jsonl")
    sentence = (
        "columns 2 ('age') and 3 ('charge') look swapped: the values of each fit the baseline of the other and not their own; "
        "write the columns in the baseline's order"
    )
    assert list_warnings(log_text) == [sentence]
    assert read_hints(jobs) == [{"hint": "swapped_columns", "features": ["age", "charge"], "description": sentence}]
    assert {check for _, check in name_violations(jobs)} == {"baseline_drift_check", "data_type_check"}

    # The service has no hints
    log_text = monitor(jobs, "swapped.jsonl", "--compat service")
    assert read_hints(jobs) == list_warnings(log_text) == []


def test_decimal_commas_and_dates_are_said_by_the_baselining_job(jobs, people):
    days = pd.to_datetime("2026-03-01") + pd.to_timedelta(people["age"] % 9, "D")
    texts = people.assign(charge=people["charge"].map("{:.2f}".format).str.replace(".", ","), day=days.dt.date)
    jobs.write("texts.csv", texts.to_csv(index=False))

    assert list_warnings(jobs.run(f"{BASELINE} texts.csv --output-path texts")) == [
        "dates are texts here: 'day' (400 of 400) as YYYY-MM-DD; windows are checked for that form and for odd days; "
        "write numbers, such as the weekday, to have drift judged",
        "decimal commas make texts of numbers: 'charge' (400 of 400); write 1.5 for 1,5 "
        "(pandas: read_csv with decimal=',', then to_csv)",
    ]


def test_a_header_that_is_a_record_is_said_without_its_values(jobs, people):
    records = people.to_csv(index=False, header=False)
    jobs.write("headless.csv", f"0.5512,44,152.97,gold\n{records}")
    jobs.write("fewer.csv", f"no value,44,152.97,gold\n{records}")

    baseline_log = jobs.run(f"{BASELINE} headless.csv --dataset-format csv --output-path headless")
    monitor_log = monitor(jobs, "headless.csv", "--dataset-format csv")
    assert list_warnings(baseline_log) == list_warnings(monitor_log) == [HEADER_IS_DATA.format(4)]
    assert "152.97" not in baseline_log + monitor_log
    assert [hint["hint"] for hint in read_hints(jobs)] == ["header_is_data"]
    # Features that are left out are not looked at
    baseline_log = jobs.run(f"{BASELINE} fewer.csv --dataset-format csv --output-path whole")
    fewer = jobs.run(f"{BASELINE} fewer.csv --dataset-format csv --output-path fewer --exclude-features-attribute 0")
    assert list_warnings(baseline_log) == []
    assert list_warnings(fewer) == [HEADER_IS_DATA.format(3)]


MORE = {"feature_name": "more", "constraint_check_type": "extra_column_check"}


@pytest.fixture(scope="module", params=["later.csv", "later.jsonl"])
def later(request, jobs, people):
    """The customers with a column more and the age in the place of the plan, in files and in captures of objects."""
    rows = people.assign(more=7, plan=people["age"])[["score", "age", "more", "plan", "charge"]]
    if request.param == "later.csv":
        jobs.write(request.param, rows.to_csv(index=False))
    else:
        write_captures(jobs, request.param, map(json.dumps, rows.to_dict("records")), "JSON")
    return request.param


def test_a_column_added_is_one_violation_and_the_others_are_judged(jobs, later):
    log_text = monitor(jobs, later)
    [more, *other_violations] = jobs.read_violations("report")
    checks = {(check["feature"], check["check"]): check["status"] for check in jobs.read_checks("report")["checks"]}

    # In the first window of captures it is an input that the baseline lacks
    if later.endswith(".jsonl"):
        other_violations.append(more)
        assert "inputs that the baseline lacks, not compared yet: 'more'" in log_text
    else:
        assert more == {
            **MORE,
            "description": "There are extra columns in current dataset. Number of columns in current dataset: 5, "
            "Number of columns in baseline constraints: 4",
        }
    assert {violation["feature_name"] for violation in other_violations} == {"plan"}
    assert checks["charge", "baseline_drift_check"] == "passed"


@pytest.mark.parametrize("flags", ["--columns exact", "--compat service"])
def test_exact_columns_are_one_violation_and_nothing_else_is_judged(jobs, later, flags):
    monitor(jobs, later, f"{flags} --no-report")
    statuses = {check["status"] for check in jobs.read_checks("report")["checks"] if check["feature"] in COLUMNS}

    assert name_violations(jobs) == [("Extra columns", "extra_column_check")]
    assert statuses == {"not judged"}


def test_a_column_dropped_and_one_added_are_two_violations_and_a_member_that_no_record_has_is_a_missing_value(
    jobs, people
):
    rows = people.rename(columns={"plan": "tariff"})[["tariff", "score", "age", "charge"]]
    jobs.write("dropped.csv", rows.to_csv(index=False))
    write_captures(jobs, "dropped.jsonl", map(json.dumps, rows.to_dict("records")), "JSON")

    monitor(jobs, "dropped.csv")
    assert name_violations(jobs) == [("tariff", "extra_column_check"), ("plan", "missing_column_check")]
    assert jobs.read_violations("report")[1]["description"] == (
        "There are missing columns in current dataset. Number of columns in current dataset: 4, "
        "Number of columns in baseline constraints: 4"
    )
    monitor(jobs, "dropped.jsonl")
    assert name_violations(jobs) == [("plan", "completeness_check")]


def test_features_can_be_left_out_by_name_or_index(jobs):
    monitor(jobs, "swapped.jsonl", "--exclude-features-attribute plan,0,charge,age --no-report")
    assert {check["feature"] for check in jobs.read_checks("report")["checks"]} == {"Missing columns", "Extra columns"}

    monitor(jobs, "people.csv", "--exclude-features-attribute plan,0 --no-report")
    features = {check["feature"] for check in jobs.read_checks("report")["checks"]}
    assert features == {"Missing columns", "Extra columns", "age", "charge"}


def test_the_previous_run_is_a_baseline_and_the_first_run_needs_none(jobs):
    words = (
        "monitor --dataset-source people.csv --baseline previous --output-path rolling --set omit_empty_violations=yes"
    )
    first = jobs.run(words)
    second = jobs.run(words)

    assert "there is no earlier run at rolling" in first
    assert "no earlier run" not in second
    assert not (jobs.folder / "rolling" / "constraint_violations.json").exists()


HIGH = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"


@pytest.fixture(scope="module")
def comparators(jobs):
    """A baseline of two columns whose constraints ask for a comparator, and `compare(flags)` with later data: the violations."""
    jobs.write("halves.csv", "plan,age\n" + "".join(f"{'ab'[row % 2]},{row % 10}\n" for row in range(200)))
    jobs.write("half.csv", "plan,age\n" + "".join(f"a,{row % 10 + 100}\n" for row in range(200)))
    jobs.run(f"{BASELINE} halves.csv --output-path compared")
    constraints = jobs.read("compared/constraints.json")
    comparator = {"against": "baseline", "distance": "js_divergence", "threshold": 0.3}
    constraints["monitoring_config"]["distribution_constraints"]["comparators"] = [comparator]
    jobs.write("compared/constraints.json", constraints)

    def compare(flags=""):
        jobs.run(f"monitor --dataset-source half.csv --baseline compared --output-path report --no-report {flags}")
        return {
            v["feature_name"]: (v["constraint_check_type"], v["description"]) for v in jobs.read_violations("report")
        }

    return compare


def test_comparators_are_judged_in_place_of_drift_and_leave_their_measurements(jobs, comparators):
    sentence = (
        "The approximate Jensen-Shannon divergence between serving and training is {} (up to six significant digits), "
        "above the threshold 0.3."
    )
    # Half of one side is gone: 1.5 - 0.75·log2(3) bits, by hand
    assert comparators() == {"plan": (HIGH, sentence.format(0.311278)), "age": (HIGH, sentence.format(1))}
    checks = jobs.read_checks("report")["checks"]
    [plan] = [check for check in checks if check["check"] == HIGH and check["feature"] == "plan"]
    assert (plan["against"], plan["method"], plan["threshold"]) == ("baseline", "js_divergence", 0.3)
    assert not [check for check in checks if check["check"] == "baseline_drift_check"]


@pytest.mark.parametrize(
    ("flags", "violated"),
    [
        ("--threshold plan=0.4 --threshold age=1", set()),
        ("--thresholds thresholds.json", {"age"}),
        ("--thresholds thresholds.json --threshold age=1,plan=0.1", {"plan"}),
    ],
)
def test_thresholds_are_reported_by_feature_and_by_file(jobs, comparators, flags, violated):
    jobs.write("thresholds.json", {"plan": {HIGH: 0.9}, "age": {HIGH: 0.2}})

    assert set(comparators(flags)) == violated


def test_flags_of_the_baseline_decide_how_chance_is_allowed_for_and_a_limit_that_somebody_insists_on_decides_alone(
    jobs,
):
    # A baseline of one plan, and a window with another
    jobs.write("ages.csv", "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},basic\n" for row in range(500)))
    plans = [("gold", "basic")[row % 10 > 0] for row in range(400)]
    jobs.write("gold.csv", "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},{plans[row]}\n" for row in range(400)))
    # Its flags are in its constraints
    jobs.run(f"{BASELINE} ages.csv --output-path careful --rows independent --false-alarm-budget 0.01")
    constraints = jobs.read("careful/constraints.json")
    config = constraints["monitoring_config"]
    chosen = {name: config[name] for name in ("verdicts", "false_alarm_budget", "rows")}
    assert chosen == {"verdicts": "calibrated", "false_alarm_budget": 0.01, "rows": "independent"}

    def read_statuses():
        jobs.run("monitor --dataset-source gold.csv --baseline careful --output-path report --no-report")
        document = jobs.read_checks("report")
        ledger = {family["family"]: family for family in document["budget"]["families"]}
        contents = ledger["contents"]["level"] / ledger["contents"]["tests"]
        facts = [check for check in document["checks"] if check["check"] in {*FACTS, "repeated_rows_check"}]
        families = {name: family["tests"] for name, family in ledger.items() if name != "new kinds"}
        families["contents"] -= sum(fact.get("level", contents) == contents for fact in facts)
        return families, {(check["feature"], check["check"]): check for check in document["checks"]}

    # With suggested limits, and with one that somebody insists on
    families, suggested = read_statuses()
    config["requested_limits"] = ["completeness"]
    jobs.write("careful/constraints.json", constraints)
    fewer_families, insisted = read_statuses()

    # Beside the facts, contents have the limits of three columns
    assert families == {"drift": 3, "completeness": 3, "contents": 3}
    assert fewer_families == {"drift": 3, "contents": 3}
    assert "rows assumed independent" in suggested["age", "baseline_drift_check"]["reason"]
    drift = suggested["plan", "baseline_drift_check"]
    assert drift["reason"] == "categorical_values_check is violated, and this is the same change"
    assert drift["adjusted_p"] < 1e-8
    assert suggested["plan", "completeness_check"]["threshold"] == 1  # as observed
    assert insisted["plan", "completeness_check"]["threshold"] == 1


def test_scripts_of_the_user_run_before_and_after_and_lines_above_the_largest_record_are_refused(jobs):
    jobs.write("few.csv", f"age,plan\n31,basic\n45,{'x' * 1024}\n45,gold\n")
    jobs.write(
        "before.py",
        "def preprocess_handler(line):\n"
        "    if line.startswith('age'):\n"
        "        return []\n"
        "    age, plan = line.split(',')\n"
        "    return {'age': age, 'plan_is_basic': plan == 'basic'}\n",
    )
    jobs.write(
        "after.py",
        "import json\n\n\n"
        "def postprocess_handler():\n"
        "    names = [f['name'] for f in json.load(open('scripts/statistics.json'))['features']]\n"
        "    open('seen.json', 'w').write(json.dumps(names))\n",
    )
    scripts = "--record-preprocessor-script before.py --post-analytics-processor-script after.py"
    jobs.run(
        f"{BASELINE} few.csv --output-path scripts {scripts} --set max_record_size=1kB --max-quarantined-share 0.5 --no-report"
    )
    records = jobs.read("scripts/ledger.json")["records"]

    assert jobs.read("seen.json") == ["age", "plan_is_basic"]
    assert records["quarantined"] == {"longer than max_record_size": 1}
    assert records["kept"] == 2


def test_a_path_is_all_that_a_baseline_needs_and_a_later_file_is_compared_with_it(tmp_path):
    jobs = LocalJobs(tmp_path)
    orders = "country,items\n" + "DE,1\nFR,3\nPL,2\n" * 40
    jobs.write("march.csv", orders)
    (tmp_path / "april.csv.gz").write_bytes(gzip.compress(orders.replace("FR", "ES").encode()))

    baseline_log = jobs.run("baseline march.csv")
    assert "format: csv, detected from march.csv" in baseline_log
    assert "Completed: Job completed successfully. (exit status 0" in baseline_log  # nothing was looked for
    assert "march-baseline is there already; write --output-path" in jobs.run("baseline march.csv", status=2)
    jobs.run("monitor april.csv.gz --fail-on-violations --baseline march-baseline", status=4)
    assert {violation["feature_name"] for violation in jobs.read_violations("april-report")} == {"country"}


def test_no_run_takes_the_place_of_another_jobs_run(tmp_path):
    jobs = LocalJobs(tmp_path)
    jobs.write("march.csv", "country,items\n" + "DE,1\nFR,3\nPL,2\n" * 40)
    jobs.write("april.csv", "country,items\n" + "DE,1\nES,3\nPL,2\n" * 40)
    # A second run of the same job may replace the first
    for _ in range(2):
        jobs.run("baseline march.csv --output-path base")
        jobs.run("monitor april.csv --baseline base --output-path report")
    jobs.run("baseline march.csv --output-path prod")
    published = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}

    refusal = jobs.run("monitor april.csv --baseline base --output-path prod", status=2)
    assert "prod holds the run of another job, whose place this one would take; write another output path" in refusal
    assert "report holds the run of another job" in jobs.run("baseline april.csv --output-path report", status=2)
    # The same from Python
    monitor = DataQualityMonitor()
    april = run_baseline(tmp_path / "april.csv", monitor)
    with pytest.raises(BadConfiguration, match="report holds the run of another job"):
        april.write(tmp_path / "report")
    with pytest.raises(BadConfiguration, match="prod holds the run of another job"):
        run_monitoring(tmp_path / "april.csv", monitor, read_baseline(str(tmp_path / "base"))).write(tmp_path / "prod")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == published
