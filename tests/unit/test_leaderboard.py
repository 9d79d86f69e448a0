"""benchmarks/leaderboard: streams, faults, what is counted of an entrant, its intervals, and where ours loses."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.leaderboard_modules import BENCHMARKS, importing_modules

ROOT = BENCHMARKS.parent
MODULES = (
    "laws",
    "published_laws",
    "detectors",
    "entrants",
    "streams",
    "faults",
    "play",
    "scores",
    "real_tables",
    "page",
    "rule_adapters",
)


@pytest.fixture(scope="module")
def board():
    with importing_modules(MODULES) as modules:
        yield modules


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # Clopper and Pearson's limits as R's binom.test prints them
        pytest.param(0, 10, 0.0, 0.3084971, id="none"),
        pytest.param(3, 10, 0.06673951, 0.6524529, id="some"),
        pytest.param(10, 10, 0.6915029, 1.0, id="all"),
    ],
)
def test_a_share_has_the_exact_interval(board, count, total, low, high):
    interval = board["scores"].estimate_share(count, total)

    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        # Garwood's limits as R's poisson.test prints them
        pytest.param(0, 0.0, 3.688879, id="no alarm"),
        pytest.param(5, 1.623486, 11.66833, id="five alarms"),
    ],
)
def test_alarms_of_a_month_have_the_exact_interval(board, count, low, high):
    interval = board["scores"].estimate_monthly_rate(count, 720)

    assert interval.value == count
    assert interval.low == pytest.approx(low, abs=1e-5)
    assert interval.high == pytest.approx(high, abs=1e-5)


def test_there_are_thirty_laws_and_ten_faults(board):
    assert len(board["streams"].STREAM_LAWS) >= 30
    kinds = {fault.kind for fault in board["faults"].FAULTS}
    assert len(kinds) >= 13


def find_changed_columns(before, after):
    """The columns with other values; all if there are more or fewer rows."""
    if len(before["x"]) != len(after["x"]):
        return {*after}
    changed = set()
    for name, values in after.items():
        texts = values.astype(str)
        if not np.array_equal(texts, before[name].astype(str)):
            changed.add(name)
    return changed


@pytest.mark.parametrize("law", ["normal", "four texts", "changing catalogue", "SEA", "STAGGER"])
def test_every_fault_changes_what_an_alarm_should_name_and_nothing_else(board, law):
    stream = board["streams"].draw_law(law, 1, 1)
    window = stream.windows[-1]
    baseline = board["laws"].concatenate(stream.baseline)
    sites = board["faults"].find_sites(baseline, stream.description)
    shifts = {*board["published_laws"].SHIFTS}
    impossible = set()

    for fault in board["faults"].FAULTS:
        targets = fault.list_targets(sites)
        if not targets:
            impossible.add(fault.kind)
            continue
        # Rows of all columns, or some columns
        if fault.site in ("rows", "repeated", "records", "covariate", "label"):
            targets = {*window}
        changed = fault.make(np.random.default_rng(1), window, sites, 5)
        differing = find_changed_columns(window, changed)
        assert differing, fault
        assert differing <= targets, fault
        has_fewer_rows = len(changed["x"]) < len(window["x"])
        assert has_fewer_rows == (fault.site == "rows" or fault.size == "a gap of 6 hours"), fault

    if law in board["published_laws"].ERRORS:
        assert not impossible & shifts
    else:
        assert impossible <= {"vanished value", "late rows", "unit", *shifts}, (
            "only texts vanish, times are late, models err"
        )


@pytest.mark.parametrize("law", ["SEA", "STAGGER", "hyperplane", "sine", "mixed", "Agrawal", "waveform", "Friedman"])
def test_shifts_do_to_a_model_what_they_are_called(board, law):
    """Covariates: the first feature. Labels: how many are high. Concept: errors alone, and no feature."""
    stream = board["streams"].draw_law(law, 1, 1)
    window = stream.windows[-1]
    sites = board["faults"].find_sites(board["laws"].concatenate(stream.baseline), stream.description)
    shifts = board["published_laws"].SHIFTS

    def show(shift, size):
        changed = shifts[shift](np.random.default_rng(1), window, sites.feature, size)
        return stream.finish(1, changed)

    # As detectors see them
    healthy = stream.finish(1, window)
    of_covariate = show("covariate shift", 2.0)
    of_label = show("label shift", 1.0)
    of_concept = show("concept shift", 0.4)

    # Rows with a high feature
    feature = sites.feature
    is_text = window[feature].dtype == object
    high = max(window[feature]) if is_text else np.median(window[feature])
    is_high = (lambda values: values == high) if is_text else (lambda values: values > high)
    assert is_high(of_covariate[feature]).mean() > is_high(healthy[feature]).mean() + 0.1
    assert of_label["label"].mean() > healthy["label"].mean() * 1.05
    assert of_concept["x"].mean() > healthy["x"].mean() * 1.1
    assert np.array_equal(of_concept[feature], healthy[feature])
    assert len(of_covariate["x"]) == len(healthy["x"]) == len(window["x"]) // 2


def test_a_table_with_predictions_alone_is_no_model_with_its_errors(board):
    random = np.random.default_rng(1)
    table = {"x": random.normal(size=100), "prediction": random.normal(size=100)}
    description = board["detectors"].StreamDescription("", 2, 24, None)
    sites = board["faults"].find_sites(table, description)
    kinds = {fault.kind for fault in board["faults"].choose_faults("a commit", "a table", sites, 10)}

    assert sites.feature is None
    assert kinds
    assert not kinds & {*board["published_laws"].SHIFTS}


def test_a_stream_follows_from_its_seed_and_wider_tables_keep_its_law(board):
    draw = board["streams"].draw_law
    stream = draw("hours", 1, 2, 20)
    repeated = draw("hours", 1, 2, 20)
    another = draw("hours", 2, 2, 20)
    wider = draw("hours", 1, 2, 30)

    assert repeated.digest == stream.digest
    assert another.digest != stream.digest
    assert len(stream.windows[0]) == 20
    assert len(wider.windows[0]) == 30
    last = stream.windows[-1]
    last_of_wider = wider.windows[-1]
    assert np.array_equal(last["x"], last_of_wider["x"])


def test_a_commit_draws_the_laws_the_seeds_and_at_most_200_cells_each_in_one_size(board):
    streams = board["streams"]
    faults = board["faults"]
    laws = streams.draw_laws("a commit")
    of_ours = [name for name in laws if name in streams.STREAM_LAWS]
    stream = streams.draw_law("normal", 1, 1)
    sites = faults.find_sites(stream.windows[0], stream.description)
    chosen = [faults.choose_faults(commit, "normal", sites, len(laws)) for commit in ("a commit", "another")]
    text = "a commit normal play"

    digest = hashlib.sha256(text.encode()).hexdigest()
    assert streams.draw_number("a commit", "normal", "play") == int(digest[:12], 16)
    assert len(of_ours) * 2 == len(laws), "half of them are from others"
    assert laws != streams.draw_laws("another commit")
    assert len({fault.kind for fault in chosen[0]}) == len(chosen[0]) >= 1
    assert len(chosen[0]) * len(laws) <= 200
    assert chosen[0] != chosen[1]


class NullCounter:
    """Alarms if three of a hundred x are missing; its score is their share."""

    takes_times = False

    def __init__(self, stream):
        self.has_accepted = False

    def fit(self, baseline):
        self.windows = len(baseline)

    def check(self, window):
        share = float(np.isnan(window.columns["x"]).mean())
        return importlib.import_module("detectors").make_alarms({"x": share, "y": 0.0}, 0.03)

    def fork(self):
        return self

    def accept(self):
        self.has_accepted = True


def make_task(board, **settings):
    task = board["play"].Task("a", "1 % nulls", 20, "play", [0], ["nulls"])
    return replace(task, **settings)


def test_of_an_entrant_each_window_is_written_down(board, monkeypatch):
    """A detector that alarms if three of a hundred x are missing, and names x."""
    monkeypatch.setattr(board["detectors"], "NullCounter", NullCounter, raising=False)
    play = board["play"]
    stream = board["streams"].draw_law("1 % nulls", 1, 20)
    entrant = board["entrants"].Entrant("detectors:NullCounter")
    # With faults of two kinds
    player = play.Player(entrant, stream, make_task(board))
    player.faults = [fault for fault in board["faults"].FAULTS if fault.kind in ("nulls", "swap")]
    rows = [*player.play()]
    healthy = [row for row in rows if not row[0]]
    nulls = [row for row in rows if row[1] == "15 % more"]
    swapped = [row for row in rows if row[0] == "swap"]

    assert [row[3] for row in healthy] == [*range(16, 36)]
    assert not any(row[4] for row in healthy)
    assert [row[2:4] for row in nulls] == [(32, 32), (32, 33), (32, 34), (32, 35)], (
        "with scores a fault is played to its end"
    )
    assert all(row[4] and row[5] for row in nulls)
    assert all(row[6] == pytest.approx(0.16, abs=0.05) for row in nulls)
    assert not any(row[4] for row in swapped)


def test_calibration_has_no_faults_and_other_seeds(board):
    play = board["play"]
    stream = board["streams"].draw_law("normal", 1, 20)
    entrant = board["entrants"].ENTRANTS["PSI"]

    calibration = make_task(board, part="calibration")
    played = make_task(board, part="play")
    other_faults = make_task(board, faults=["no such kind"])

    assert not play.Player(entrant, stream, calibration).faults
    assert play.Player(entrant, stream, played).faults
    assert not play.Player(entrant, stream, other_faults).faults


def test_psi_of_shifted_deciles(board):
    """A tenth of the values moves from the lowest cell into the highest: (0 -> 1e-4 - .1) ln(1e-4 / .1) + .1 ln(.2 / .1)."""
    description = board["detectors"].StreamDescription("", 1, 1, None)
    detector = board["rule_adapters"].PopulationStability(description)
    baseline = np.arange(1_000.0)
    detector.fit([{"x": baseline}])

    shifted = np.where(baseline < 100, 999.0, baseline)
    psi = detector.compute_score("x", shifted)

    lowest = (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    highest = 0.1 * np.log(2)
    assert psi == pytest.approx(lowest + highest, rel=0.02)


@pytest.mark.parametrize(
    ("distribution", "quantile"),
    [
        pytest.param("exponential", np.log(720), id="exponential"),
        pytest.param("uniform", 1 - 1 / 720, id="bounded"),
    ],
)
def test_a_limit_is_what_one_window_in_a_month_exceeds(board, distribution, quantile):
    random = np.random.default_rng(1)
    limits = [board["scores"].fit_limit(getattr(random, distribution)(size=2_000)) for _ in range(20)]

    assert np.mean(limits) == pytest.approx(quantile, rel=0.1)


def make_line(entrant, seed, is_alarm, score=None, part="play", healthy=20, alarms=0, law="normal"):
    """A stream with a try of a fault, of which each window has this score."""
    facts = {"law": law, "part": part, "seed": seed, "entrant": entrant, "faults": [], "digest": "a", "megabytes": 1}
    rows = []
    for window in range(healthy):
        usual_score = score and 0.01 * window
        rows.append(["", "", -1, window, window < alarms, False, usual_score, 0.1, ""])
    if part == "play":
        rows.append(["nulls", "3 %", 32, 32, is_alarm, is_alarm, score, 0.1, ""])
    facts["rows"] = rows
    return facts


def list_lines(ours, rival, alarms=0):
    """Twenty tries, of which ours and a rival, which promises a rate, find so many."""
    lines = []
    for seed in range(20):
        of_ours = make_line("ours", seed, seed < ours)
        of_rival = make_line("one variance, 5", seed, seed < rival, alarms=alarms)
        lines += [of_ours, of_rival]
    return lines


@pytest.mark.parametrize(
    ("ours", "rival", "alarms", "outcome"),
    [
        pytest.param(0, 20, 0, "behind", id="never found, always by another"),
        pytest.param(18, 20, 0, "level", id="within the interval of the rival"),
        pytest.param(20, 5, 0, "first", id="above the interval of the rival"),
        pytest.param(0, 0, 0, "nobody", id="found by neither"),
        pytest.param(10, 10, 0, "level", id="by half of both"),
    ],
)
def test_a_cell_says_where_ours_is(board, ours, rival, alarms, outcome):
    scores = board["scores"]
    windows = scores.list_windows(list_lines(ours, rival, alarms))
    verdicts = scores.apply_limits(windows)
    cells = scores.compare_cells(verdicts)

    assert cells["outcome"].tolist() == [outcome]
    assert cells["tries"].tolist() == [20]


def test_a_cell_of_few_tries_is_open_and_a_loud_entrant_is_no_rival(board):
    scores = board["scores"]
    three_tries = [line for line in list_lines(0, 20) if line["seed"] < 3]
    loud = list_lines(0, 20, alarms=5)

    verdicts = scores.apply_limits(scores.list_windows(three_tries))
    assert scores.compare_cells(verdicts)["outcome"].tolist() == ["open"]
    verdicts = scores.apply_limits(scores.list_windows(loud))
    assert scores.compare_cells(verdicts).empty


def test_what_ours_finds_does_not_count_where_it_is_loud_itself(board):
    scores = board["scores"]
    lines = []
    for seed in range(20):
        of_ours = make_line("ours", seed, True, alarms=5)
        of_rival = make_line("one variance, 5", seed, True)
        lines += [of_ours, of_rival]
    verdicts = scores.apply_limits(scores.list_windows(lines))

    cells = scores.compare_cells(verdicts)

    assert cells["outcome"].tolist() == ["behind"]
    assert (
        board["page"]
        .list_behind(cells)[0]
        .startswith("Behind in what comes on laws where ours is loud (1): it would take ")
    )


def test_an_entrant_with_scores_plays_at_a_limit_of_other_seeds_and_at_its_defaults(board):
    """Its calibration has scores up to .19; tries have 1, at which it alarms by no default."""
    scores = board["scores"]
    calibration = [make_line("PSI", seed, False, score=1.0, part="calibration") for seed in range(20)]
    played = [make_line("PSI", seed, False, score=1.0) for seed in range(5)]
    verdicts = scores.apply_limits(scores.list_windows([*calibration, *played]))
    tries = scores.list_tries(verdicts).set_index("entrant")
    without = scores.apply_limits(scores.list_windows(played))

    assert tries.loc["PSI", "delay"].tolist() == [1.0] * 5
    assert tries.loc["PSI, defaults", "delay"].isna().all()
    assert without.empty, "nobody plays at defaults only"


@pytest.mark.parametrize(("ours", "rival", "outcome"), [(0, 20, "behind"), (18, 20, "level"), (20, 5, "first")])
def test_the_page_says_where_ours_is_first_level_and_behind(board, tmp_path, ours, rival, outcome):
    lines = list_lines(ours, rival)
    board["page"].write_pages(tmp_path, lines, "a commit", {}, ["NannyML: nannyml is not installed"])
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    all_tables = (tmp_path / "static" / "leaderboard.html").read_text(encoding="utf-8")
    windows = board["page"].read_published(tmp_path / "static" / "leaderboard.parquet")

    assert f"{outcome} in 1: nulls (1)" in page
    assert "Resolved: 1 of 1 cells (100% without 0" in page
    assert ("Behind in nulls (1): it would take" in all_tables) == (outcome == "behind")
    assert "NannyML" in all_tables
    assert "http" not in all_tables
    assert len(windows) == sum(len(line["rows"]) for line in lines)
    assert windows["alarm"].sum() == ours + rival


def test_a_cell_that_nobody_finds_or_that_is_open_is_not_counted(board, tmp_path):
    board["page"].write_pages(tmp_path, list_lines(0, 0), "a commit", {}, [])
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")

    assert "Of 0 resolved cells, ours is first in none; level in none; behind in none." in page
    assert "without 1 that nobody finds" in page


def test_each_entrant_has_a_limit_or_a_promise_and_each_port_its_equality_test(board):
    """Packages that are installed are themselves; all that is written anew names a test that compares it."""
    entrants = board["entrants"].ENTRANTS
    for name, entrant in entrants.items():
        is_written_anew = entrant.has_scores and entrant.package == "numpy" and name != "z-test"
        assert bool(entrant.equality) == is_written_anew, name
        if entrant.equality:
            file, _, test = entrant.equality.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), name
        if not entrant.has_scores:
            assert "a month" in entrant.promise, name


def test_kinds_of_fault_have_a_sentence_on_what_they_would_take(board):
    notes = (BENCHMARKS / "leaderboard" / "notes.md").read_text(encoding="utf-8")
    for fault in board["faults"].FAULTS:
        assert f"\n* {fault.kind}: " in notes


def test_published_laws_and_tables_say_where_they_are_from(board):
    rows = (BENCHMARKS / "leaderboard" / "sources.tsv").read_text(encoding="utf-8").splitlines()[1:]
    sources = dict(row.split("\t") for row in rows)
    tables = board["real_tables"].read_list()

    assert {*sources} == {*board["published_laws"].PUBLISHED}
    assert len(tables) >= 6
    for row in tables.values():
        assert "(" in row["source"], "the licence"


def import_program():
    specification = importlib.util.spec_from_file_location(
        "leaderboard_program", BENCHMARKS / "leaderboard" / "__main__.py"
    )
    program = importlib.util.module_from_spec(specification)
    sys.modules["leaderboard_program"] = program
    specification.loader.exec_module(program)
    return program


@pytest.mark.nightly
def test_published_windows_are_replayed_and_compared_and_a_run_goes_on(board, tmp_path, capsys):
    """A stream that is played, published and replayed is equal; with one other alarm it isn't."""
    program = import_program()
    entrants = {"PSI": board["entrants"].ENTRANTS["PSI"]}
    play = program.BoardPlay("a commit", 100, tmp_path / "lines.jsonl", time.monotonic() + 600, entrants)
    play.play("flag", "play", [0], ["PSI"])
    lines = play.read_lines()
    play.play("flag", "play", [0], ["PSI"])
    windows = board["scores"].list_windows(lines)
    board["page"].write_windows(windows, tmp_path / "windows.parquet", "a commit")
    status = play.check(1, tmp_path / "windows.parquet")
    # Another alarm
    windows.loc[0, "alarm"] = not windows.loc[0, "alarm"]
    board["page"].write_windows(windows, tmp_path / "other.parquet", "a commit")
    status_of_other = play.check(1, tmp_path / "other.parquet")

    assert len(lines) == 1
    assert len(windows) > 40
    assert play.read_lines() == lines, "what is played isn't played again"
    assert (status, status_of_other) == (0, 1)
    assert "1 of 1 streams are equal" in capsys.readouterr().out


def test_the_published_page_follows_from_its_windows_and_counts_no_cell_that_is_not_resolved(board):
    """No entrant plays at its defaults alone, and the README quotes the page and no more."""
    scores = board["scores"]
    file = ROOT / "docs" / "static" / "leaderboard.parquet"
    verdicts = scores.apply_limits(board["page"].read_published(file))
    cells = scores.compare_cells(verdicts)
    text = board["page"].describe_kinds(cells)
    page = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    # Who plays, and what is resolved
    names = {*verdicts["entrant"]}
    of_scores = {name for name, entrant in board["entrants"].ENTRANTS.items() if entrant.has_scores}
    resolved = cells[cells["outcome"].isin(["first", "level", "behind"])]

    counts = [int((cells["outcome"] == outcome).sum()) for outcome in ("first", "level", "behind")]
    quoted = "first in {}, level in {}, behind in {} of {} resolved cells".format(*counts, sum(counts))

    assert text in page
    assert quoted in (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"Of {len(resolved)} resolved cells")
    for cell in resolved.itertuples():
        assert cell.ours.high - cell.ours.low <= 0.5
        assert cell.theirs.high - cell.theirs.low <= 0.5
        assert cell.ours.value + cell.theirs.value > 0
    for name in names & of_scores:
        assert f"{name}, defaults" in names
    assert {name.removesuffix(", defaults") for name in names if name.endswith(", defaults")} <= names
    assert file.stat().st_size < 20_000_000


@pytest.mark.nightly
def test_an_entrant_is_added_by_the_page_alone(tmp_path):
    """README.md's detector, in a file, by README.md's command; in a folder of its own, so that no other trial is in its way."""
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    program = page.split("```python\nimport math", 1)[1].split("```", 1)[0]
    command = page.split("make leaderboard ARGS='--trial --entrants ours --add", 1)[1].split("'", 1)[0]
    (tmp_path / "mine.py").write_text(f"import math{program}", encoding="utf-8")
    added = f"--trial --entrants ours --add {command}".replace("mine.py", str(tmp_path / "mine.py")).split()
    words = [*added, "--page", str(tmp_path), "--trials", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": ""}
    process = subprocess.run(
        [sys.executable, str(BENCHMARKS / "leaderboard"), *words], env=environment, cwd=ROOT, check=False
    )
    table = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")

    assert process.returncode == 0
    assert "|ours|1|" in table
    assert "|mine|1|" in table


def test_windows_of_all_laws_can_be_drawn_and_have_numbers_and_texts(board):
    laws = {**board["streams"].STREAM_LAWS, **board["published_laws"].PUBLISHED}
    for name, law in laws.items():
        random = np.random.default_rng(1)
        window = next(law.windows(random))
        assert "x" in window, name
        flags = [column for column, values in window.items() if values.dtype == bool]
        assert not flags, "columns are numbers or texts, as entrants take them"
