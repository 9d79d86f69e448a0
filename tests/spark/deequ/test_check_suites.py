"""A user's checks on the states of one scan judge as Deequ's VerificationSuite does on the data."""

import datetime
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pyspark.sql.functions as F
import pytest
from tests.spark_lines import has_deequ, on_a_jvm, on_spark_3

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.monitors.user_checks.check_loading import load_checks, load_planned_checks, read_checks
from spark_model_monitor.monitors.user_checks.check_plan import plan_checks
from spark_model_monitor.monitors.user_checks.suite import checked
from spark_model_monitor.spark.deequ.deequ_checks import require_conditions
from spark_model_monitor.spark.engine.rows import add_condition_columns
from spark_model_monitor.spark.engine.spark import SparkEngine

HERE = Path(__file__).parent
NAN = math.nan
INFINITY = math.inf


@pytest.fixture(scope="module")
def frame(spark):
    """40 rows with a column of every kind that Deequ might see otherwise than we do."""
    rows = [
        (
            number,
            None if number % 5 == 0 else number * 1.5 - 7,
            None if number % 7 == 0 else "abc"[number % 3] + ("'x" if number % 2 else ""),
            number % 3 == 0,
            [NAN, INFINITY, -INFINITY, 2.5, None][number % 5] if number > 3 else 1.0,
            float(number % 4),
            datetime.date(2024, 1, 1 + number % 28),
            None,
            f"{number}@b.com" if number % 2 else "no",
            10.0**number,
        )
        for number in range(40)
    ]
    ddl = "id int, amount double, code string, flag boolean, odd double, `a.b` double, day date, empty double"
    frame = spark.createDataFrame(rows, ddl + ", mail string, wide double").repartition(3).cache()
    yield frame
    frame.unpersist()


@pytest.fixture
def loaded(spark, monkeypatch):
    """`loaded(name)` are the checks of `deequ_check_examples:name`, loaded from the working directory."""
    monkeypatch.chdir(HERE)

    def load(name):
        return load_checks(SparkEngine(spark), f"deequ_check_examples:{name}")

    return load


def judge_checks(checks, frame, *, second_scan_allowed=False):
    """Plan, scan once, and judge."""
    plan = plan_checks(checks, frame.columns, second_scan_allowed=second_scan_allowed)
    require_conditions(frame, plan.predicates)
    dataset = Dataset.of(frame)
    rows, conditions = add_condition_columns(dataset, plan.predicates)
    source = RowSource(rows, frame.columns, predicates=conditions, max_partition_count=10)
    scan_findings = scan(source, counted=plan.frequency_columns)
    return dataset.engine.find_implementation(checked)(plan, dataset, scan_findings.profile, scan_findings.matches)


def verified_by_deequ(checks, frame):
    """(check, its status, constraint, its status, message) of every constraint by Deequ's own scan."""
    from pydeequ.verification import VerificationResult, VerificationSuite

    spark = frame.sparkSession
    run = VerificationSuite(spark).onData(frame)
    for check in checks.checks:
        run.addCheck(check)
    rows = VerificationResult.checkResultsAsJson(spark, run.run())
    keys = ("check", "check_status", "constraint", "constraint_status", "constraint_message")
    return [tuple(row[key] for key in keys) for row in rows]


def comparable(results):
    return [
        (
            constraint.check,
            constraint.check_status,
            constraint.constraint,
            constraint.constraint_status,
            constraint.constraint_message,
        )
        for constraint in results.constraints
    ]


def rounded(result):
    """The last digits of numbers depend on the order of adding: 12 are compared. Of a message the first line, not the trace."""
    lines = [part.split("\n")[0] for part in result]
    return [re.sub(r"\d+\.\d+(E-?\d+)?", lambda match: f"{float(match[0]):.12g}", line) for line in lines]


def assert_judged_alike(actual, expected):
    order = [check for check, *_ in actual]
    expected = sorted(expected, key=lambda row: order.index(row[0]))
    for mine, deequs in zip(actual, expected, strict=True):
        assert rounded(mine) == rounded(deequs)


def without_kll(results):
    """Deequ's own sketch of no values ranges from 2,147,483,647 down to its negative."""
    return [result for result in results if not result[2].startswith("kllSketchConstraint")]


@pytest.mark.deequ
@on_spark_3("Deequ 2.0.15 words a check of no rows in another way than 2.1.0")
def test_one_scan_judges_as_deequ_does(loaded, frame, count_spark_jobs):
    checks = loaded("scan_once")

    results = judge_checks(checks, frame)

    assert_judged_alike(comparable(results), verified_by_deequ(checks, frame))
    assert results.status == "Error"
    assert {constraint.served_by for constraint in results.constraints} == {
        "states",
        "rows counted in the scan",
        "exact frequencies",
    }


@pytest.mark.deequ
def test_a_second_scan_judges_as_deequ_does(loaded, frame):
    checks = loaded("scan_twice")

    results = judge_checks(checks, frame, second_scan_allowed=True)

    assert_judged_alike(comparable(results), verified_by_deequ(checks, frame))
    assert [constraint.served_by for constraint in results.constraints] == ["states"] + ["second scan"] * 6


@pytest.mark.deequ
def test_a_second_scan_that_is_not_allowed_is_refused_before_the_first(loaded, frame, count_spark_jobs):
    checks = loaded("scan_twice")

    with count_spark_jobs() as jobs, pytest.raises(BadConfiguration) as raised:
        plan_checks(checks, frame.columns)

    assert jobs == []
    assert (
        str(raised.value).count("can't be answered from one scan; allow another one by --set allow_second_scan=yes")
        == 6
    )
    assert "--checks: Minimum(amount) where id > 20 can't be" in str(raised.value)


@pytest.mark.deequ
def test_an_empty_frame_is_judged_as_deequ_does(loaded, frame, spark):
    checks = loaded("scan_once")
    empty = spark.createDataFrame([], frame.schema)

    actual = comparable(judge_checks(checks, empty))
    expected = verified_by_deequ(checks, empty)
    assert_judged_alike(without_kll(actual), without_kll(expected))


@pytest.mark.deequ
def test_more_values_than_are_counted_apart_need_a_second_scan(loaded, spark):
    checks = loaded("check_many_values")
    frame = spark.range(0, 5000, 1, 2).select(F.col("id").cast("double").alias("number"))

    refused, mean = judge_checks(checks, frame).constraints
    assert refused.constraint_status == "Failure"
    assert refused.constraint_message == (
        "'number' has more than 4,096 distinct values, too many to count apart; allow another scan by --set allow_second_scan=yes"
    )
    assert mean.metric == 2499.5

    allowed, mean = judge_checks(checks, frame, second_scan_allowed=True).constraints
    assert (allowed.constraint_status, allowed.metric, allowed.served_by) == ("Success", 1.0, "second scan")
    assert mean.served_by == "states"


@pytest.mark.deequ
def test_an_assertion_that_raises_fails_its_own_constraint_only(loaded, frame):
    raising, healthy = judge_checks(loaded("check_by_a_mistake"), frame).constraints

    assert raising.constraint_message.startswith("Can't execute the assertion: ")
    assert "ZeroDivisionError" in raising.constraint_message
    assert healthy.constraint_status == "Success"


@pytest.mark.deequ
@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        pytest.param("checks.py", "'checks.py'; it has to be module:function", id="a Python file"),
        pytest.param(
            "no_such_module:checks", "'no_such_module' can't be imported: ModuleNotFoundError", id="no module"
        ),
        pytest.param("deequ_check_examples:no", "'deequ_check_examples' has no function 'no'", id="no function"),
        pytest.param(
            "deequ_check_examples:check_nothing", "returned a list of nothing; it has to return a list", id="empty"
        ),
        pytest.param(
            "deequ_check_examples:return_another_kind", "returned a str; it has to return a list", id="a text"
        ),
        pytest.param("deequ_check_examples:raise_an_error", "raised KeyError: 'threshold'", id="raises"),
        pytest.param("/no/such/checks.json", "--checks: .*/no/such/checks.json", id="no file"),
    ],
)
def test_what_names_no_checks_is_refused(spark, monkeypatch, reference, fault):
    monkeypatch.chdir(HERE)

    with pytest.raises(BadConfiguration, match=fault):
        load_checks(SparkEngine(spark), reference)


@pytest.mark.deequ
def test_a_check_of_a_column_that_is_not_there_is_refused_with_the_nearest_name(loaded, frame):
    with pytest.raises(BadConfiguration, match=r"Completeness is of 'amuont', .* did you mean 'amount'\?"):
        plan_checks(loaded("check_a_missing_column"), frame.columns)


JSON_CHECKS = [
    ({"analyzer": "Size"}, 40.0),
    ({"analyzer": "Size", "where": "id > 29"}, 10.0),
    ({"analyzer": "Completeness", "column": "amount"}, 0.8),
    ({"analyzer": "Completeness", "column": "a.b"}, 1.0),
    ({"analyzer": "Completeness", "column": "a.b", "where": "id < 10"}, 1.0),
    ({"analyzer": "Mean", "column": "a.b"}, 1.5),
    ({"analyzer": "Sum", "column": "amount"}, 736.0),
    ({"analyzer": "StandardDeviation", "column": "a.b"}, math.sqrt(1.25)),
    ({"analyzer": "Minimum", "column": "amount"}, -5.5),
    ({"analyzer": "Maximum", "column": "amount"}, 51.5),
    ({"analyzer": "ApproxCountDistinct", "column": "flag"}, 2.0),
    ({"analyzer": "ApproxQuantile", "column": "id", "quantile": 0.25}, 9.0),
    ({"analyzer": "DataType", "column": "code", "type": "Unknown"}, 0.15),
    ({"analyzer": "Compliance", "expression": "`a.b` >= 1"}, 0.75),
    ({"analyzer": "PatternMatch", "column": "mail", "pattern": r"^\d+@b\.com$"}, 0.5),
    ({"analyzer": "Uniqueness", "column": "id"}, 1.0),
    ({"analyzer": "Distinctness", "column": "a.b"}, 0.1),
    ({"analyzer": "UniqueValueRatio", "column": "a.b"}, 0.0),
    ({"analyzer": "CountDistinct", "column": "code"}, 6.0),
    ({"analyzer": "Entropy", "column": "a.b"}, math.log(4)),
    ({"analyzer": "Histogram", "column": "code"}, 7.0),
    ({"analyzer": "Histogram", "column": "a.b"}, 4.0),
    ({"analyzer": "MinLength", "column": "mail"}, 2.0),
    ({"analyzer": "MaxLength", "column": "mail"}, 8.0),
    ({"analyzer": "Mean", "column": "a.b", "where": "`a.b` > 1"}, 2.5),
    ({"analyzer": "Uniqueness", "columns": ["id", "a.b"]}, 1.0),
    ({"analyzer": "Correlation", "columns": ["a.b", "a.b"]}, 1.0),
    ({"analyzer": "MutualInformation", "columns": ["flag", "flag"]}, -(0.35 * math.log(0.35) + 0.65 * math.log(0.65))),
]


@pytest.mark.deequ
def test_every_analyzer_of_the_json_form_gives_its_metric(frame):
    entries = [{**entry, "assertion": ">= 0"} for entry, _ in JSON_CHECKS]

    results = judge_checks(read_checks(json.dumps(entries), "checks.json"), frame, second_scan_allowed=True)

    assert [(constraint.constraint, constraint.metric) for constraint in results.constraints] == [
        (constraint.constraint, pytest.approx(metric, rel=1e-12))
        for constraint, (_, metric) in zip(results.constraints, JSON_CHECKS, strict=True)
    ]


def test_json_checks_are_judged_by_level_and_explained(frame):
    entries = [
        {"analyzer": "Completeness", "column": "amount", "assertion": ">= 0.8"},
        {"analyzer": "Completeness", "column": "amount", "assertion": ">= 0.95", "level": "Warning", "hint": "billing"},
        {"analyzer": "Mean", "column": "empty", "assertion": "> 0"},
    ]

    document = judge_checks(read_checks(json.dumps(entries), "checks.json"), frame).to_json_dict()

    assert document["status"] == "Error"
    assert document["constraints"] == [
        {
            "check": "Completeness(amount) >= 0.8",
            "check_level": "Error",
            "check_status": "Success",
            "constraint": "Completeness(amount) >= 0.8",
            "constraint_status": "Success",
            "constraint_message": "",
            "metric": 0.8,
            "served_by": "states",
        },
        {
            "check": "billing",
            "check_level": "Warning",
            "check_status": "Warning",
            "constraint": "Completeness(amount) >= 0.95",
            "constraint_status": "Failure",
            "constraint_message": "Value: 0.8 does not meet the constraint requirement! billing",
            "metric": 0.8,
            "served_by": "states",
        },
        {
            "check": "Mean(empty) > 0",
            "check_level": "Error",
            "check_status": "Error",
            "constraint": "Mean(empty) > 0",
            "constraint_status": "Failure",
            "constraint_message": "Empty state for analyzer Mean(empty,None), all input values were NULL.",
            "metric": None,
            "served_by": "states",
        },
    ]


@pytest.mark.deequ
def test_values_of_arrays_need_a_second_scan(spark):
    frame = spark.createDataFrame([([1, 2],), ([1],), (None,)], "basket array<int>")
    checks = read_checks(
        '[{"analyzer": "ApproxCountDistinct", "column": "basket", "assertion": "== 2"}]', "checks.json"
    )

    refused = judge_checks(checks, frame)
    allowed = judge_checks(checks, frame, second_scan_allowed=True)

    assert refused.constraints[0].constraint_message == (
        "the values of 'basket', a vector column, are not counted; allow another scan by --set allow_second_scan=yes"
    )
    assert allowed.status == "Success"


def test_numbers_written_as_text_are_numbers_to_checks(spark):
    frame = spark.createDataFrame([("1",), ("2.5",), (None,)], "amount string")
    entries = [{"analyzer": "Mean", "column": "amount", "assertion": "== 1.75"}]

    results = judge_checks(read_checks(json.dumps(entries), "checks.json"), frame)

    assert results.status == "Success"


def test_conditions_that_spark_does_not_understand_are_refused_before_reading(frame, count_spark_jobs):
    with count_spark_jobs() as jobs, pytest.raises(BadConfiguration) as raised:
        require_conditions(frame, ["amuont > 0", "amount >", "amount + 1", "amount > 0"])

    assert jobs == []
    first, second, third = str(raised.value).splitlines()
    assert first.startswith("--checks: the condition 'amuont > 0' can't be used: [UNRESOLVED_COLUMN")
    assert second.startswith("--checks: the condition 'amount >' can't be used: ")
    assert third == "--checks: the condition 'amount + 1' is of type double; it has to be true or false"


def block_of_documentation(language, having):
    text = (HERE.parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    [block] = [
        code_block for code_block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if having in code_block
    ]
    return block


def test_the_json_of_the_documentation_runs(frame):
    results = judge_checks(read_checks(block_of_documentation("json", '"analyzer"'), "checks.json"), frame)

    assert [constraint.constraint for constraint in results.failed] == [
        "Size() >= 100",
        "Completeness(amount) >= 0.95",
        "Completeness(code) where amount > 3 == 1.0",
    ]


@pytest.mark.deequ
def test_the_function_of_the_documentation_runs(spark, frame, monkeypatch, tmp_path):
    (tmp_path / "my_checks.py").write_text(block_of_documentation("python", "def amounts"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert judge_checks(load_checks(SparkEngine(spark), "my_checks:amounts"), frame).status == "Success"


PROCESS = """
import logging, sys
from pyspark.sql import SparkSession
from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.monitors.user_checks.check_plan import plan_checks
from spark_model_monitor.monitors.user_checks.check_loading import load_checks
from spark_model_monitor.spark.deequ.deequ_checks import checked
logging.basicConfig(level=logging.INFO)
spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
         .config("spark.ui.showConsoleProgress", "false").config("spark.jars", sys.argv[1]).getOrCreate())
frame = spark.range(10).selectExpr("double(id) as amount")
data = Dataset.of(frame)
wanted = plan_checks(load_checks(data.engine, "deequ_check_examples:check_by_a_mistake"), frame.columns)
found = scan(RowSource(data.rows, frame.columns, max_partition_count=1))
print("JUDGED", [each.constraint_status for each in checked(wanted, data, found.profile, found.matches).constraints])
if sys.argv[2] == "stop":
    spark.stop()
"""


@pytest.mark.nightly
@pytest.mark.deequ
def test_two_processes_with_checks_run_side_by_side_and_end_by_themselves(spark):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("PYSPARK_GATEWAY_PORT", None)
    jar = spark.conf.get("spark.jars")
    # One that stops its session, and one that doesn't
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, jar, ending],
            cwd=HERE,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for ending in ("stop", "without stop")
    ]
    try:
        answers = [process.communicate() for process in processes]
    finally:
        for process in processes:
            process.kill()

    assert [process.returncode for process in processes] == [0, 0]
    for stdout, _ in answers:
        assert stdout.splitlines() == ["JUDGED ['Failure', 'Success']"]  # and nothing of pydeequ's about a server


@on_a_jvm("the sentence says so")
@pytest.mark.skipif(has_deequ(), reason="this Spark has Deequ")
def test_a_second_scan_where_deequ_is_not_is_one_sentence(spark, frame, tmp_path):
    path = tmp_path / "checks.json"
    path.write_text('[{"analyzer": "MinLength", "column": "mail", "assertion": "> 0"}]', encoding="utf-8")

    with pytest.raises(
        MissingDependency, match=r"--checks: MinLength\(mail\) takes a scan of Deequ, and this Spark has"
    ):
        load_planned_checks(str(path), Dataset.of(frame), second_scan_allowed=True)
