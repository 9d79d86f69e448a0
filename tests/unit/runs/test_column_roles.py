"""Captures beside training data: which columns are inputs, which answers, and which one is the label."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import pytest
from tests.running_jobs import JobsHere

ROWS = 400
FIRST_HOUR = datetime(2024, 3, 4)
NEW = ["'score'", "'model'", "'reasons'", "'client.app'", "'client.version'", "'channel'"]

LABEL_FOUND = "'defaulted' is in the baseline and never in traffic: taken for the label"


def format_hour(hour, pattern="%Y-%m-%dT%H:%M:%SZ"):
    return (FIRST_HOUR + timedelta(hours=hour)).strftime(pattern)


def draw_person(rng):
    """What the training data has of a customer."""
    return {
        "age": rng.randint(20, 70),
        "income": round(rng.lognormvariate(10, 0.5), 2),
        "plan": rng.choice("abc"),
        "debt": round(rng.gauss(500, 100), 1),
    }


def draw_request(rng):
    """What an app sends: a nested object and a member that training didn't have."""
    client = {"app": rng.choice(["web", "ios"]), "version": rng.choice([3, 4])}
    return {**draw_person(rng), "client": client, "channel": rng.choice("xy")}


def draw_answer(rng):
    return {"score": round(rng.random(), 4), "model": "v3", "reasons": rng.sample(["a", "b", "c"], rng.randint(0, 2))}


def describe_half(members):
    if isinstance(members, str):
        return {"encoding": "CSV", "data": members}
    return {"encoding": "JSON", "data": json.dumps(members)}


class Model:
    """A model that answers JSON, and its training data. `monitor(hour)` runs the job on an hour's captures."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = JobsHere(folder, "local")
        rng = random.Random(7)
        rows = [[*draw_person(rng).values(), int(rng.random() < 0.2)] for _ in range(3 * ROWS)]
        lines = [",".join(map(str, row)) for row in (["age", "income", "plan", "debt", "defaulted"], *rows)]
        (folder / "training.csv").write_text("\n".join(lines))

    # Each record has the time of its hour
    def capture(self, hour, change_request=lambda request: request, change_answer=lambda answer: answer):
        rng = random.Random(hour)
        lines = []
        for number in range(ROWS):
            halves = {
                "endpointInput": describe_half(change_request(draw_request(rng))),
                "endpointOutput": describe_half(change_answer(draw_answer(rng))),
            }
            event = {"eventId": f"{hour}-{number}", "inferenceTime": format_hour(hour)}
            lines.append(json.dumps({"captureData": halves, "eventMetadata": event, "eventVersion": "0"}))
        path = self.folder / "captures/credit/AllTraffic" / format_hour(hour, "%Y/%m/%d/%H") / "00-00.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines))

    # As a file in which the label stands elsewhere
    def move_label(self, position):
        lines = [line.split(",") for line in (self.folder / "training.csv").read_text().splitlines()]
        for cells in lines:
            cells.insert(position, cells.pop())
        (self.folder / "training.csv").write_text("\n".join(map(",".join, lines)))

    def drop_column(self, name):
        lines = [line.split(",") for line in (self.folder / "training.csv").read_text().splitlines()]
        position = lines[0].index(name)
        rows = [",".join((*cells[:position], *cells[position + 1 :])) for cells in lines]
        (self.folder / "training.csv").write_text("\n".join(rows))

    def make_baseline(self, source="training.csv"):
        assert self.jobs("baseline", source, "--output-path", "baseline").status == 0

    def monitor(self, hour, *flags):
        """What the job says of an hour, and the features that it names, by check."""
        window = ("--start-time", format_hour(hour), "--end-time", format_hour(hour + 1))
        finished = self.jobs("monitor", "captures", "--baseline", "baseline", "--output-path", "out", *window, *flags)
        assert finished.status == 0, finished.said
        document = json.loads((self.folder / "out" / "constraint_violations.json").read_text())
        violations = {
            (violation["feature_name"], violation["constraint_check_type"]) for violation in document["violations"]
        }
        return finished.said, violations


@pytest.fixture
def model(tmp_path):
    return Model(tmp_path)


def multiply_income(request):
    return {**request, "income": 100 * request["income"]}


def test_healthy_traffic_is_quiet_and_a_changed_input_is_the_one_that_is_named(model):
    model.make_baseline()
    for hour in range(3):
        model.capture(hour, multiply_income if hour == 2 else lambda request: request)
    message, violations = model.monitor(0)

    assert violations == set()
    assert LABEL_FOUND in message
    assert [name for name in NEW if name not in message] == []
    assert model.monitor(1)[1] == set()
    assert {name for name, _ in model.monitor(2)[1]} == {"income"}


PERSON = ("age", "income", "debt")


def write_tensor(request):
    """A request of KServe: numbers alone, without names."""
    cells = [request[name] for name in PERSON]
    return {"inputs": [{"name": "input-0", "shape": [1, len(cells)], "datatype": "FP32", "data": cells}]}


def answer_tensor(answer):
    return {"outputs": [{"name": "output-0", "shape": [1, 1], "datatype": "FP32", "data": [answer["score"]]}]}


def write_instances(request):
    return {"instances": [[request[name] for name in PERSON]]}


def write_records(request):
    return {"dataframe_records": [{name: request[name] for name in PERSON}]}


def write_csv(request):
    return ",".join(str(request[name]) for name in PERSON)


def write_csv_answer(answer):
    return str(answer["score"])


def write_csv_class(answer):
    return str(int(answer["score"] > 0.5))


def answer_score(answer):
    return {"predictions": [answer["score"]]}


def answer_class(answer):
    return {"predictions": [int(answer["score"] > 0.5)]}


@pytest.mark.parametrize(
    ("write_request", "write_answer", "answer", "position"),
    [
        pytest.param(write_tensor, answer_tensor, "output-0", 0, id="KServe v2, first"),
        pytest.param(write_tensor, answer_tensor, "output-0", 1, id="KServe v2, within"),
        pytest.param(write_instances, answer_score, "prediction", 3, id="a score, last"),
        pytest.param(write_instances, answer_class, "prediction", 0, id="a class, first"),
        pytest.param(write_records, answer_class, "prediction", 1, id="a class, named inputs, within"),
    ],
)
def test_the_label_is_found_wherever_training_has_it(model, write_request, write_answer, answer, position):
    lines = (model.folder / "training.csv").read_text().splitlines()
    # Numbers alone
    cells = [line.split(",") for line in lines]
    (model.folder / "training.csv").write_text("\n".join(",".join((*row[:2], *row[3:])) for row in cells))
    model.move_label(position)
    model.make_baseline()
    model.capture(0, write_request, write_answer)
    model.capture(1, write_request, write_answer)
    model.capture(2, lambda request: write_request(multiply_income(request)), write_answer)
    message, violations = model.monitor(0)

    assert violations == set()
    assert LABEL_FOUND in message
    assert f"answers that the baseline lacks, not compared yet: {answer!r}" in message
    assert model.monitor(1)[1] == set()
    assert {name for name, _ in model.monitor(2)[1]} == {"income"}


def test_rows_of_csv_with_answers_in_json_are_read_where_both_are_allowed(model):
    """As JumpStart's models answer."""
    model.make_baseline()
    model.capture(0)
    path = model.folder / "captures/credit/AllTraffic/2024/03/04/00/00-00.jsonl"
    lines = []
    for number, line in enumerate(path.read_text().splitlines()):
        record = json.loads(line)
        cells = draw_person(random.Random(number)).values()
        record["captureData"]["endpointInput"] = {"encoding": "CSV", "data": ",".join(map(str, cells))}
        answer = {"probabilities": [[0.25, 0.75]], "labels": [0, 1], "predicted_label": [1]}
        record["captureData"]["endpointOutput"] = describe_half(answer)
        lines.append(json.dumps(record))
    path.write_text("\n".join(lines))
    message, violations = model.monitor(0, "--allow-mixed-encodings")

    assert violations == set()
    assert LABEL_FOUND in message
    refused = model.jobs("monitor", "captures", "--baseline", "baseline", "--output-path", "other")
    assert refused.status == 2
    assert "--set allow_mixed_encodings=yes reads both" in refused.said
    # A baseline of the same records takes the flag that its own refusal names
    refused = model.jobs("baseline", "captures", "--output-path", "of-captures")
    assert "--set allow_mixed_encodings=yes reads both" in refused.said
    words = ("captures", "--output-path", "of-captures", "--set", "allow_mixed_encodings=yes")
    assert model.jobs("baseline", *words).status == 0
    statistics = json.loads((model.folder / "of-captures" / "statistics.json").read_text())
    assert len(statistics["features"]) == len(cells) + 3


def test_an_answer_in_json_beside_csv_is_the_column_of_its_name_and_not_the_label(model):
    def write_cells(factor):
        def write_request(request):
            cells = {name: request[name] for name in ("age", "income", "plan", "debt")}
            return ",".join(map(str, {**cells, "income": cells["income"] * factor}.values()))

        return write_request

    model.make_baseline()
    # The hour after the first has another unit
    for hour, factor in enumerate((1, 10)):
        model.capture(hour, write_cells(factor), lambda answer: {"defaulted": int(answer["score"] < 0.2)})
    message, violations = model.monitor(0, "--allow-mixed-encodings")

    assert violations == set()
    assert LABEL_FOUND not in message
    assert {name for name, _ in model.monitor(1, "--allow-mixed-encodings")[1]} == {"income"}


def test_answers_without_names_that_have_the_values_of_a_column_are_this_column(model):
    """The baseline has predictions in front, as captures have."""
    rng = random.Random(3)
    lines = [line.split(",") for line in (model.folder / "training.csv").read_text().splitlines()]
    rows = [",".join((f"{rng.random():.4f}", *cells[:2], cells[3])) for cells in lines[1:]]
    (model.folder / "training.csv").write_text("\n".join(["score,age,income,debt", *rows]))
    model.make_baseline()
    model.capture(0, write_instances, answer_score)
    model.capture(1, write_instances, lambda answer: answer_score({"score": 10 + answer["score"]}))

    message, violations = model.monitor(0)
    assert (violations, "taken for the label" in message) == (set(), False)
    assert {name for name, _ in model.monitor(1)[1]} == {"score"}


@pytest.mark.parametrize(
    ("position", "write_answer", "sentence"),
    [
        pytest.param(
            *(0, write_csv_answer, "answers stand in the place of 'defaulted' and have other values: not compared"),
            id="first, scores",
        ),
        pytest.param(
            *(0, write_csv_class, "answers without names are compared with 'defaulted', which no input has"),
            id="first, classes",
        ),
        pytest.param(1, write_csv_class, LABEL_FOUND, id="within, classes"),
        pytest.param(4, write_csv_answer, LABEL_FOUND, id="last, scores"),
    ],
)
def test_csv_beside_training_data_is_quiet_wherever_it_has_the_label(model, position, sentence, write_answer):
    """As XGBoost's container takes and gives it."""
    # Numbers alone
    model.move_label(position)
    model.drop_column("plan")
    model.make_baseline()
    model.capture(0, write_csv, write_answer)
    model.capture(1, write_csv, write_answer)
    model.capture(2, lambda request: write_csv(multiply_income(request)), write_answer)
    message, violations = model.monitor(0)

    assert violations == set()
    assert sentence in message
    assert model.monitor(1)[1] == set()
    assert {name for name, _ in model.monitor(2)[1]} == {"income"}


@pytest.mark.parametrize(
    ("write_request", "write_answer", "position"),
    [
        pytest.param(write_csv, write_csv_answer, 1, id="CSV, behind predictions"),
        pytest.param(write_csv, write_csv_answer, 4, id="CSV, last"),
        pytest.param(write_instances, answer_score, 1, id="arrays, behind predictions"),
        pytest.param(write_records, answer_score, 4, id="named inputs, last"),
    ],
)
def test_predictions_of_training_are_compared_with_answers_beside_its_label(
    model, write_request, write_answer, position
):
    # Predictions in front, as captures have them
    rng = random.Random(3)
    model.drop_column("plan")
    header, *rows = (model.folder / "training.csv").read_text().splitlines()
    lines = [f"score,{header}", *(f"{rng.random():.4f},{row}" for row in rows)]
    (model.folder / "training.csv").write_text("\n".join(lines))
    model.move_label(position)
    model.make_baseline()
    model.capture(0, write_request, write_answer)
    model.capture(1, write_request, lambda answer: write_answer({"score": 10 + answer["score"]}))
    message, violations = model.monitor(0)

    assert violations == set()
    assert LABEL_FOUND in message
    assert {name for name, _ in model.monitor(1)[1]} == {"score"}


def test_a_column_of_csv_without_a_value_is_no_label(model):
    """Rows of CSV have a cell for each column: one that is empty is there."""
    model.drop_column("defaulted")
    model.make_baseline()
    names = ("age", "income", "plan")
    model.capture(0, lambda request: ",".join([*(str(request[name]) for name in names), ""]), write_csv_answer)
    message, violations = model.monitor(0)

    assert violations == {("debt", "completeness_check")}
    assert "taken for the label" not in message


@pytest.mark.parametrize(
    ("position", "label", "income"),
    [
        pytest.param(0, "answers stand in the place of '_c0'", "_c2", id="first"),
        pytest.param(4, "'_c3' is in the baseline and never in traffic: taken for the label", "_c1", id="last"),
    ],
)
def test_the_label_of_training_data_without_a_header_is_found(model, position, label, income):
    """As SageMaker's XGBoost wants training data."""
    # Numbers alone
    model.move_label(position)
    model.drop_column("plan")
    _, *rows = (model.folder / "training.csv").read_text().splitlines()
    (model.folder / "training.csv").write_text("\n".join(rows))
    flags = ("--dataset-format", "csv-without-header", "--output-path", "baseline")
    assert model.jobs("baseline", "training.csv", *flags).status == 0
    model.capture(0, write_csv, write_csv_answer)
    model.capture(1, lambda request: write_csv(multiply_income(request)), write_csv_answer)
    message, violations = model.monitor(0)

    assert violations == set()
    assert label in message
    assert {name for name, _ in model.monitor(1)[1]} == {income}


def rename_columns(request):
    return {name.capitalize(): value for name, value in request.items()}


def test_names_that_are_nearly_the_baselines_are_its_names(model):
    model.make_baseline()
    model.capture(0, rename_columns)
    message, violations = model.monitor(0)

    assert violations == set()
    assert "columns are named as in the baseline but for capitals, and are compared: 'Age' for 'age'" in message


def nest_person(request):
    """A request whose columns are in objects at several depths."""
    person = {"age": request["age"], "money": {"income": request["income"], "debt": request["debt"]}}
    return {"person": person, "plan": request["plan"], "client": request["client"]}


def test_columns_in_nested_objects_are_the_baselines_before_and_after_new_columns_are_compared(model):
    model.make_baseline()
    for hour in range(9):
        model.capture(hour, nest_person)
    model.capture(9, lambda request: nest_person(multiply_income(request)))
    messages, violations = zip(*map(model.monitor, range(10)), strict=True)

    assert violations == (*[set()] * 9, {("income", "baseline_drift_check")})
    assert ["not compared yet" in message for message in messages] == [True] * 8 + [False] * 2


def halve_score(answer):
    return {**answer, "score": answer["score"] / 2, "reasons": ["d"]}


@pytest.mark.nightly
def test_fifty_healthy_hours_are_silent_and_what_the_baseline_lacks_is_compared_after_eight(model):
    model.make_baseline()
    for hour in range(50):
        model.capture(hour)
    messages, violations = zip(*map(model.monitor, range(50)), strict=True)

    assert [hour for hour in range(50) if violations[hour]] == []
    assert ["not compared yet" in message for message in messages] == [True] * 8 + [False] * 42
    model.capture(50, multiply_income)
    model.capture(51, change_answer=halve_score)
    assert {name for name, _ in model.monitor(50)[1]} == {"income"}
    assert {name for name, _ in model.monitor(51)[1]} == {"score", "reasons"}


# Changes of a request or an answer


def drop(name):
    return lambda members: {key: value for key, value in members.items() if key != name}


def rename(name, new_name):
    return lambda members: {new_name if key == name else key: value for key, value in members.items()}


def add(name):
    return lambda members: {**members, name: 1}


@pytest.mark.parametrize(
    ("changes", "column", "check"),
    [
        pytest.param({"change_answer": drop("score")}, "score", "missing_column_check", id="an answer goes"),
        pytest.param({"change_request": drop("channel")}, "channel", "missing_column_check", id="an input goes"),
        pytest.param({"change_request": drop("age")}, "age", "completeness_check", id="an input of training goes"),
        pytest.param({"change_answer": add("limit")}, "limit", "extra_column_check", id="an answer comes"),
        pytest.param({"change_request": add("defaulted")}, "defaulted", "extra_column_check", id="the label comes"),
    ],
)
def test_roles_are_fixed_by_the_first_window(model, changes, column, check):
    model.make_baseline()
    model.capture(0)
    model.capture(1, **changes)

    assert model.monitor(0)[1] == set()
    assert model.monitor(1)[1] == {(column, check)}


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        pytest.param(drop("age"), {"age", "defaulted"}, id="another one is missing"),
        pytest.param(rename("income", "salary"), {"income", "defaulted"}, id="an input has another name"),
    ],
)
def test_a_column_is_no_label_beside_another_that_is_missing(model, change, missing):
    model.make_baseline()
    model.capture(0, change)
    message, violations = model.monitor(0)

    assert violations == {(name, "completeness_check") for name in missing}
    assert "if one is the label, write --label and its name" in message


def test_a_renamed_input_is_no_label(model):
    (model.folder / "training.csv").write_text(
        "\n".join(line.rpartition(",")[0] for line in (model.folder / "training.csv").read_text().splitlines())
    )
    model.make_baseline()
    model.capture(0, rename("income", "salary"))

    assert model.monitor(0)[1] == {("income", "completeness_check")}


def test_the_label_may_be_given(model):
    model.make_baseline()
    model.capture(0, drop("age"))
    message, violations = model.monitor(0, "--label", "defaulted")

    assert violations == {("age", "completeness_check")}
    assert "taken for the label" not in message
    wrong = model.jobs(
        "monitor", "captures", "--baseline", "baseline", "--output-path", "out", "--label", "default", "--no-report"
    )
    assert wrong.status == 2
    assert "--label is 'default', which the baseline lacks; did you mean 'defaulted'?" in wrong.said


def test_a_window_that_has_the_given_label_is_compared_without_it(model):
    model.make_baseline()
    flags = ["--baseline", "baseline", "--output-path", "out", "--label", "defaulted", "--fail-on-violations"]
    window = model.jobs("monitor", "training.csv", *flags)

    assert window.status == 0
    assert "4 features" in window.said


def test_a_baseline_of_captures_has_no_label(model):
    model.capture(0)
    model.make_baseline("captures")
    model.capture(1, drop("channel"))

    assert model.monitor(1)[1] == {("channel", "completeness_check")}


def test_a_record_with_two_values_of_one_name_is_quarantined(model):
    model.make_baseline()
    model.capture(0, lambda request: {**request, "client.app": "other"} if request["age"] == 20 else request)
    message, violations = model.monitor(0, "--max-quarantined-share", "0.2")

    assert violations == set()
    assert "a member with two values" in message
    assert "'client.app': two members of a record get this name" in message


def test_a_member_that_input_and_output_share_is_named_only_if_its_values_differ(model):
    model.capture(0, change_answer=lambda answer: {**answer, "plan": "none"})
    refused = model.jobs("baseline", "captures", "--output-path", "baseline")
    assert refused.status == 2
    assert "'plan': two members of a record get this name" in refused.said
    assert "if only input and output share it choose one by --halves request" in refused.said
    assert model.jobs("baseline", "captures", "--halves", "request", "--output-path", "requests").status == 0


def test_nothing_is_said_of_the_baselines_answers_beside_an_alarm(model):
    model.capture(0, change_answer=lambda answer: [answer["score"]])
    model.capture(1, multiply_income, lambda answer: [answer["score"]])
    window = ("--start-time", format_hour(0), "--end-time", format_hour(1))
    assert model.jobs("baseline", "captures", "--output-path", "baseline", *window).status == 0
    message, violations = model.monitor(1)
    assert {name for name, _ in violations} == {"income"}
    assert "searched for the origin" in message
    assert "answers without names" not in message


def test_a_nested_member_that_is_a_text_in_the_baseline_stays_one(model):
    lines = (model.folder / "training.csv").read_text().splitlines()
    # As an export of the app's log has it
    texts = ["client", *[f'"{{""app"":""web"",""version"":{3 + number % 2}}}"' for number in range(len(lines) - 1)]]
    (model.folder / "training.csv").write_text("\n".join(map(",".join, zip(lines, texts, strict=True))))
    model.make_baseline()
    model.capture(0, lambda request: {**request, "client": {"app": "web", "version": request["client"]["version"]}})
    message, violations = model.monitor(0)

    assert violations == set()
    assert "client: in the baseline as text, so it stays one" in message
