"""Hints: what looks wrong with data and breaks no constraint; each rule where it speaks, and where it has to be silent."""

import json
import pkgutil
import re

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality import hints
from spark_model_monitor.monitors.data_quality.baseline.documents import suggest_constraints
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.hints import HINTS, not_numbers
from spark_model_monitor.monitors.protocol import ColumnLayout, Sample
from spark_model_monitor.statistics.states.profile import compute_metrics

from .comparisons import make_profile, number_feature, texts

MONITOR = DataQualityMonitor()


def make_baseline(profile, *, from_documents=False):
    """A profile as a baseline. from_documents: as its statistics.json has it, without states."""
    constraints = suggest_constraints(profile, MonitoringSettings(verdicts="none"))
    if from_documents:
        return QualityBaseline.from_documents(constraints, MONITOR.statistics(profile, compute_metrics(profile)), None)
    return QualityBaseline.from_documents(constraints, None, profile)


def list_hints(current, baseline=None, *, header=(), by_position=False, **options):
    reference = None
    if baseline is not None:
        reference = make_baseline(baseline, **options)
    return MONITOR.judge(Sample(current, {}, ColumnLayout(header, by_position)), reference).hints


def list_hint_names(*arguments, **options):
    return [hint.hint for hint in list_hints(*arguments, **options)]


def test_every_file_of_hints_is_found_and_has_its_sentence_in_its_docstring():
    files = {module.name for module in pkgutil.iter_modules(hints.__path__, f"{hints.__name__}.")}
    assert {rule.function.__module__ for rule in HINTS.values()} == files
    assert {*HINTS} >= {
        *("swapped_columns", "decimal_commas", "dates_as_texts", "header_is_data", "whole_fractions"),
        "column_roles",
    }
    assert all(rule.summary.endswith(".") for rule in HINTS.values())


# the index that pandas writes


@pytest.mark.parametrize(("header", "hint_names"), [(True, ["index_column"]), (False, [])], ids=["header", "none"])
def test_an_index_that_pandas_wrote_is_named(tmp_path, header, hint_names):
    frame = pd.DataFrame({"items": np.random.default_rng(5).integers(1, 9, 200)})
    frame.to_csv(tmp_path / "items.csv", header=header)

    dataset_format = "csv" if header else "csv-without-header"
    run = run_baseline(tmp_path / "items.csv", MONITOR, dataset_format=dataset_format, engine="local")

    assert [hint.hint for hint in run.hints] == hint_names


# cells that are no numbers


def test_cells_that_are_no_numbers_are_counted_by_column():
    numbers = [str(number) for number in range(198)]
    columns = texts(
        a=[*numbers, "n/a", "true"],
        b=[*numbers, "7", None],
        c=["x", *numbers, "7"],
    )
    [hint] = list_hints(columns)

    assert hint.hint == "not_numbers"
    assert hint.features == ("a", "c")
    assert hint.description == (
        "some cells are no numbers, and left out: 'a' (2 of 200), 'c' (1 of 200); "
        "leave cells empty where a number is missing, or name what stands there by --missing-values"
    )


def test_other_ways_to_write_numbers_are_reported_once():
    points = texts(share=[".5", ".25"] * 10)
    [hint] = list_hints(points)

    assert hint.hint == "other_numbers"
    assert hint.features == ("share",)
    assert "'share' (20 of 20)" in hint.description
    assert MONITOR.judge(Sample(points, {}, ColumnLayout()), make_baseline(MONITOR.interpret_state(points))).hints == ()
    assert list_hint_names(points, texts(share=["0.5", "0.25"] * 10)) == ["other_numbers"]


@pytest.mark.parametrize("word", ["NA", "n/a", "NaN", "None", "#N/A", "?", "-", "NULL", "(blank)", "#DIV/0!"])
def test_words_for_missing_numbers_are_named_where_they_make_texts(word):
    [hint] = list_hints(texts(age=[word, "31", "45", "8"] * 10, plan=[word, "a", "b", "c"] * 10))

    assert (hint.hint, hint.features) == ("missing_in_words", ("age",))
    assert "'age' (10 of 40)" in hint.description
    assert f"--missing-values '{word}'" in hint.description


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("12.50%", "a percent sign"),
        ("7 %", "a percent sign"),
        ("1,234,567", "commas for thousands"),
        ("1.234,56", "points for thousands"),
        ("€13.5", "a sign of currency"),
        ("99 USD", "a sign of currency"),
        ("$12", "a sign of currency"),
        ("-$12.50", "a sign of currency"),
        ("CHF 12", "a sign of currency"),
        ("($12.50)", "a sign of currency"),
        ("(13.5)", "parentheses for a minus"),
        ("\u221212.5", "a minus that is no hyphen"),
        ("\u20137", "a minus that is no hyphen"),
        ("9'876", "apostrophes for thousands"),
        ("12.50-", "a minus at the end"),
        ("np.float64(12.5)", "the signs of a program around them"),
        ("Decimal('12.50')", "the signs of a program around them"),
        ("[13.5]", "the signs of a program around them"),
        ("b'12'", "the signs of a program around them"),
        ("'12", "the signs of a program around them"),
        ("0.25 0.75", "others in one cell"),
        ("0.25\t0.75\t1e-3", "others in one cell"),
        ("1;0.5", "others in one cell"),
        ("[0.25, 1]", "others in one cell"),
        ("(0.5, 0.5)", "others in one cell"),
        ("{'p': 0.25", "a name before them"),
        ("'q': 0.75}", "a name before them"),
        ('{"p": 1', "a name before them"),
        ("9_876", "underscores for thousands"),
        ("1.5D+03", "an exponent of Fortran"),
        ("1\u2019234.5", "apostrophes for thousands"),
        ("9 876", "blanks for thousands"),
        ("1\u00a0234,5", "blanks for thousands"),
        ("1\u202f234\u202f567", "blanks for thousands"),
        ("13.5kg", "a unit"),
        ("7 min", "a unit"),
        ("\u22125 °C", "a unit"),
        ("\u00a012.5", "a no-break space around"),
        ("12.5\u202f", "a no-break space around"),
        ("\uff11\uff12", "digits of another script"),
    ],
)
@pytest.mark.parametrize("other_cells", [[], ["8", "9.5", "NA"]])
def test_other_forms_of_numbers_are_named_with_what_to_write(cell, form, other_cells):
    hints = list_hints(texts(price=[cell, *other_cells] * 10, plan=["a", "b", "c", "d"][: 1 + len(other_cells)] * 10))
    [hint] = [hint for hint in hints if hint.hint == "number_forms"]

    assert f"written with {form}: 'price' (10 of {10 + 10 * len(other_cells)}); write " in hint.description
    assert cell not in hint.description


@pytest.mark.parametrize("cell", ["<5", ">= 100", "\u2264 7", "~12"])
def test_limits_among_numbers_are_named(cell):
    hints = list_hints(texts(price=[cell, "8", "9.5"] * 10))
    [hint] = [hint for hint in hints if hint.hint == "number_forms"]

    assert "a sign such as < for a limit: 'price' (10 of 30)" in hint.description


def test_decimal_commas_among_numbers_with_points_are_named():
    [hint] = list_hints(texts(price=["12,5", "1,234", "9.5", "NA"] * 10))[:1]

    assert (hint.hint, hint.features) == ("number_forms", ("price",))
    assert "a decimal comma: 'price' (20 of 40); write 1.5 for 1,5" in hint.description


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["<5", "5-10", ">10"] * 10, id="classes"),
        pytest.param(["<5", ">=5"] * 10, id="two classes"),
        pytest.param(["10A", "11B", "12C"] * 10, id="seats"),
        pytest.param(["+49 30 1234567", "030 7654321", "0171 555 123"] * 10, id="telephones"),
        pytest.param(["1st", "2nd", "3rd"] * 10, id="ranks"),
        pytest.param(["10:30", "11:45"] * 10, id="times"),
        pytest.param(["1.2.3", "1.10.0"] * 10, id="versions"),
        pytest.param(["0664 123", "0660 456"] * 10, id="telephone numbers"),
        pytest.param(["A12", "B7"] * 10, id="codes"),
    ],
)
def test_texts_with_digits_are_no_other_forms_of_numbers(cells):
    assert list_hints(texts(price=cells)) == ()


@pytest.mark.parametrize("share_missing", [60, 80, 95])
def test_words_in_most_cells_are_named_where_the_others_are_several_numbers(share_missing):
    cells = ["NA"] * share_missing + [str(number) for number in range(100 - share_missing)]
    [hint] = list_hints(texts(age=cells))

    assert (hint.hint, hint.features) == ("missing_in_words", ("age",))
    assert f"NA, make texts of numbers: 'age' ({share_missing} of 100)" in hint.description
    assert "--missing-values 'NA'" in hint.description


def test_a_stray_of_another_form_is_named_and_not_shown():
    hints = list_hints(texts(price=[*map(str, range(99)), "1.234,56"]))

    assert [hint.hint for hint in hints] == ["not_numbers", "number_forms"]
    assert not any("234,56" in hint.description for hint in hints)


@pytest.mark.parametrize("word", ["Total", "SUM", "Summe"])
def test_a_line_of_totals_is_named(word):
    hints = list_hints(texts(id=[*map(str, range(99)), word]))

    assert [hint.hint for hint in hints] == ["line_of_totals", "not_numbers"]
    assert f"a line of 'id' has '{word}'" in hints[0].description


LINES = {"name": [f"p{line}" for line in range(20)], "a": [3, 7, 12, 40, 5] * 4, "b": [0.5, 1.25, -3.5, 8.0, 2.75] * 4}


def with_line(label, a, b):
    """The lines as a data set, and below them one more."""
    return pd.DataFrame({"name": [*LINES["name"], label], "a": [*LINES["a"], a], "b": [*LINES["b"], b]})


def hints_of_totals(frame):
    hints = run_baseline(frame, DataQualityMonitor(), engine="local").hints
    return [hint for hint in hints if hint.hint == "line_of_totals"]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        pytest.param("Total", "a line of 'name' has 'Total', and has", id="a word of ours"),
        pytest.param(" Summe: ", "a line of 'name' has ' Summe: ', and has", id="with blanks"),
        pytest.param(None, "a line of 'name' is blank, and has", id="blank"),
        pytest.param("Kontrolle", "a line has the sum", id="another word"),
    ],
)
def test_a_line_of_totals_below_a_column_of_texts_is_named(label, words):
    [hint] = hints_of_totals(with_line(label, 268, 36.0))

    assert hint.features == ("a", "b")
    assert hint.description.startswith(words)
    assert "Kontrolle" not in hint.description


@pytest.mark.parametrize(
    ("label", "total", "words"),
    [
        pytest.param("Total", 280, "a line of 'name' has 'Total', and has a number far outside", id="rounded"),
        pytest.param("Gesamt", 400, "a line of 'name' has 'Gesamt'", id="of more lines"),
        pytest.param("TOTAL:", -268, "a line of 'name' has 'TOTAL:'", id="of costs"),
        pytest.param(None, 280, "a line of 'name' is blank, and has a number", id="blank"),
    ],
)
def test_a_line_of_about_the_totals_is_named(label, total, words):
    sign = 1
    if total < 0:
        sign = -1
    cells = [11 + line % 7 for line in range(20)]  # their sum is 277
    frame = pd.DataFrame({"name": [*LINES["name"], label], "a": [sign * cell for cell in cells] + [total]})
    [hint] = hints_of_totals(frame)

    assert hint.features == ("a",)
    assert hint.description.startswith(words)


def test_a_line_of_totals_beside_a_blank_number_is_named(tmp_path):
    rows = [f"{number},{number % 7 + 50}" for number in range(60)]
    (tmp_path / "orders.csv").write_text("\n".join(["number,amount", *rows, ",3190"]))  # the sum is 3,175
    [hint] = hints_of_totals(str(tmp_path / "orders.csv"))

    assert hint.description.startswith("a line of 'number' is blank, and has a number far outside")


@pytest.mark.parametrize(
    ("label", "largest"),
    [
        pytest.param("Total", 15, id="a word, and no number outside"),
        pytest.param("Total", 100, id="a word, and an outlier below half of the sum"),
        pytest.param(None, 100, id="blank, and an outlier"),
        pytest.param(None, 400, id="blank, and a number larger than the sum"),
        pytest.param("p21", 277, id="another word, and a sum in one column"),
    ],
)
def test_an_outlier_is_no_line_of_totals(label, largest):
    cells = [11 + line % 7 for line in range(20)]

    assert hints_of_totals(pd.DataFrame({"name": [*LINES["name"], label], "a": [*cells, largest]})) == []


ZONES = ["north", "south", "all", "average", "total"]


def draw_zones(rng, rows):
    """Skewed amounts beside a category that has such a word now and then."""
    amounts = {f"amount{number}": rng.lognormal(0, 3, rows) for number in range(3)}
    return pd.DataFrame({"zone": rng.choice(ZONES, rows, p=[0.5, 0.44, 0.02, 0.02, 0.02]), **amounts})


@pytest.mark.parametrize("rows", [5, 20, 100])
def test_a_category_that_has_a_word_for_totals_is_no_line_of_them(rows):
    rng = np.random.default_rng(8)
    baseline = run_baseline(draw_zones(rng, 1_000), MONITOR, engine="local")
    for _ in range(30):
        findings = run_monitoring(draw_zones(rng, rows), MONITOR, baseline, engine="local")
        assert "line_of_totals" not in [hint.hint for hint in findings.hints]


@pytest.mark.parametrize("with_baseline", [False, True])
def test_a_line_of_rounded_totals_is_named_beside_a_baseline_too(with_baseline):
    rng = np.random.default_rng(9)
    before = pd.DataFrame({"zone": rng.choice(ZONES[:2], 200), "a": rng.normal(50, 10, 200).round(2)})
    window = pd.concat([before.sample(60, random_state=1), pd.DataFrame({"zone": ["Total"], "a": [3_000.0]})])
    if with_baseline:
        hints = run_monitoring(window, MONITOR, run_baseline(before, MONITOR, engine="local"), engine="local").hints
    else:
        hints = run_baseline(window, MONITOR, engine="local").hints

    assert [hint.features for hint in hints if hint.hint == "line_of_totals"] == [("a",)]


@pytest.mark.parametrize("rows", [5, 6, 8])
def test_one_of_a_few_whole_numbers_is_the_sum_of_the_others_by_chance(rows):
    rng = np.random.default_rng(10)
    for _ in range(60):
        numbers = rng.integers(0, 9, rows)
        numbers[0] = numbers[1:].sum()
        names = [None, *(f"p{row}" for row in range(1, rows))]
        assert hints_of_totals(pd.DataFrame({"name": names, "items": numbers})) == []


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 3.0])
def test_skewed_amounts_beside_a_blank_have_no_totals(spread):
    rng = np.random.default_rng(7)
    names = [None, *(f"p{number}" for number in range(199))]
    for _ in range(30):
        frame = pd.DataFrame({"name": names, "a": rng.lognormal(3, spread, 200)})

        assert hints_of_totals(frame) == []


def test_cells_that_are_arrays_of_objects_are_named_and_not_shown():
    rows = [f'[{{"secret": {number}}}]' for number in range(40)]
    [hint] = list_hints(texts(basket=rows))

    assert (hint.hint, hint.features) == ("rows_in_cells", ("basket",))
    assert "'basket' (40 of 40)" in hint.description
    assert "secret" not in hint.description
    assert "flatten" not in hint.description


@pytest.mark.parametrize("cell", ["[1, 2]", '{"a": 1}', "[draft] text", '["a"]'])
def test_other_cells_are_no_arrays_of_objects(cell):
    assert list_hints(texts(basket=[cell] * 20)) == ()
    assert list_hints(texts(basket=[*['[{"a": 1}]'] * 20, cell])) == ()


@pytest.mark.parametrize("label", ["Total", None, "Kontrolle"])
def test_a_line_that_is_no_sum_has_no_totals(label):
    assert hints_of_totals(with_line(label, 41, 9.0)) == []


def test_flags_that_are_twice_true_are_no_line_of_totals():
    flags = pd.DataFrame(0, index=range(40), columns=[f"flag_{number}" for number in range(30)])
    # A sum of two ones, of which each is half
    for number, column in enumerate(flags):
        flags.loc[[number, number + 9], column] = 1

    assert hints_of_totals(flags) == []


def test_texts_among_numbers_are_counted_and_not_shown():
    [hint] = list_hints(texts(age=[*map(str, range(90)), *["secret"] * 5]))

    assert (hint.hint, hint.features) == ("nearly_numbers", ("age",))
    assert "'age' (5 of 95)" in hint.description
    assert "secret" not in hint.description


@pytest.mark.parametrize(
    ("words", "hint_names"),
    [(["k.A.", "leer"], ["nearly_numbers"]), (["A1", "B2", "C3", "D4"], [])],
    ids=["words", "codes"],
)
def test_a_few_words_among_many_different_numbers_are_counted_and_codes_are_not(words, hint_names):
    assert list_hint_names(texts(age=[*map(str, range(60)), *words * 10])) == hint_names


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["NA", "31", "45", "x"] * 10, id="another text"),
        pytest.param(["NA", "NA", "NA", "45"] * 10, id="few numbers"),
        pytest.param(["NA", "1", "2"], id="too few to tell"),
        pytest.param(["A 5", "31", "45", "8"] * 10, id="codes"),
        pytest.param(["Unknown", "10115", "45127"] * 10, id="a word that pandas does not know"),
    ],
)
def test_what_only_looks_like_missing_numbers_is_left_alone(cells):
    assert list_hints(texts(age=cells)) == ()


def test_words_that_the_baseline_has_are_said_there_alone():
    words = texts(age=["NA", "31", "45", "8"] * 10)

    assert list_hints(words, words) == ()
    assert list_hint_names(words, texts(age=["31", "45", "8", "9"] * 10)) == ["not_numbers"]


# decimal commas


def test_decimal_commas_are_named_with_their_counts_and_no_value():
    [hint] = list_hints(texts(price=["1,5", "22,75", "3", None] * 5, plan=["a", "b"] * 10))

    assert (hint.hint, hint.features) == ("decimal_commas", ("price",))
    assert hint.description == (
        "decimal commas make texts of numbers: 'price' (10 of 15); write 1.5 for 1,5 "
        "(pandas: read_csv with decimal=',', then to_csv)"
    )
    assert "22,75" not in hint.description


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["1.5", "2.5"] * 10, id="points"),
        pytest.param(["1,5", "2,5", "a,b"] * 10, id="one is no number"),
        pytest.param(["1,5,3", "2,5,7"] * 10, id="lists"),
        pytest.param(["1,5"] * 4, id="too few to tell"),
        pytest.param(["52,1 N", "48,2 N"] * 10, id="with a unit"),
        pytest.param([None] * 20, id="nothing there"),
    ],
)
def test_what_only_looks_like_decimal_commas_is_left_alone(cells):
    assert list_hints(texts(price=cells)) == ()


def test_decimal_commas_that_the_baseline_has_are_said_there_alone():
    commas = texts(price=["1,5", "2,5"] * 10)

    assert list_hint_names(commas, commas) == []
    assert list_hint_names(commas, texts(price=["1.5", "2.5"] * 10)) == ["decimal_commas"]


# dates


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["2026-03-01", "2026-03-02"] * 5, id="days"),
        pytest.param(["2026-03-01T10:00:00Z", "2026-03-02 11:30:00.5+01:00"] * 5, id="times"),
        pytest.param(["2026/03/01", "13.03.2026"] * 5, id="other spellings"),
    ],
)
def test_dates_are_named_with_their_counts(cells):
    [hint] = list_hints(texts(day=cells, plan=["a", "b"] * 5))

    assert (hint.hint, hint.features) == ("dates_as_texts", ("day",))
    assert "'day' (10 of 10) as " in hint.description
    assert hint.description.endswith("write numbers, such as the weekday, to have drift judged")
    assert "2026" not in hint.description


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["2026-13-01", "2026-03-02"] * 5, id="a month too many"),
        pytest.param(["2026-03-01", "never"] * 5, id="one is none"),
        pytest.param(["2026030199", "2026030299"] * 5, id="numbers"),
        pytest.param(["2026-03-01 to 2026-03-02"] * 10, id="spans"),
        pytest.param(["123-45-6789", "987-65-4321"] * 5, id="other numbers with hyphens"),
        pytest.param(["10.12.13.14", "10.12.13.15"] * 5, id="addresses"),
    ],
)
def test_what_only_looks_like_dates_is_left_alone(cells):
    assert list_hints(texts(day=cells)) == ()


@pytest.mark.parametrize("share", [0.6, 0.9])
def test_dates_of_a_sample_are_counted_among_those_that_were_read(share):
    """Where there are more different texts than are counted one by one."""
    rows = 6_000
    times = pd.date_range("2026-01-01", periods=rows, freq="17min").strftime("%Y-%m-%d %H:%M:%S")
    is_date = np.random.default_rng(31).random(rows) < share
    cells = np.where(is_date, times, [f"order {row}" for row in range(rows)])
    [hint] = run_baseline(pd.DataFrame({"seen": cells}), MONITOR, engine="local").hints

    match = re.search(r"'seen' \(([\d,]+) of ([\d,]+)\) as YYYY-MM-DD hh:mm:ss, by a sample;", hint.description)
    dates, total = (int(number.replace(",", "")) for number in match.groups())
    assert total < rows
    assert dates / total == pytest.approx(is_date.mean(), abs=4 * np.sqrt(share * (1 - share) / total))


def test_many_columns_are_one_sentence():
    [hint] = list_hints(texts(**{f"day{number}": ["2026-03-01", "2026-03-02"] * 5 for number in range(9)}))

    assert "'day0' (10 of 10), " in hint.description
    assert "'day4' (10 of 10) and 4 more as YYYY-MM-DD;" in hint.description


# whole numbers written as fractions


@pytest.mark.parametrize(
    "current",
    [
        pytest.param(texts(age=["81.0", "23.0", None] * 10), id="csv"),
        pytest.param(make_profile(number_feature("age", [81.0, 23.0, None] * 10)), id="parquet"),
    ],
)
def test_whole_numbers_written_as_fractions_are_named_where_the_baseline_has_integers(current):
    [hint] = list_hints(current, texts(age=["81", "23", "40"] * 10))

    assert (hint.hint, hint.features) == ("whole_fractions", ("age",))
    assert hint.description == (
        "whole numbers are written as fractions, where the baseline has integers: 'age' (20 of 20); write 81 for 81.0 "
        "(pandas: astype('Int64'))"
    )


@pytest.mark.parametrize(
    ("current", "baseline"),
    [
        pytest.param(["81.0"] * 10, ["81.0", "20.5"] * 5, id="fractions in the baseline, too"),
        pytest.param(["81.0", "20.5"] * 5, ["81", "20"] * 5, id="one is no whole number"),
        pytest.param(["81", "20"] * 5, ["81", "20"] * 5, id="integers"),
        pytest.param(["81.0"] * 10, None, id="no baseline"),
    ],
)
def test_fractions_are_left_alone_where_they_are_or_were_some(current, baseline):
    assert list_hints(texts(age=current), texts(age=baseline) if baseline else None) == ()


# a header that is a record


def rows(count, seed=5):
    """Of people: age, income, plan, whether they left."""
    rng = np.random.default_rng(seed)
    return texts(
        c0=[str(age) for age in rng.integers(18, 90, count)],
        c1=[f"{income:.2f}" for income in rng.lognormal(8, 0.5, count)],
        c2=rng.choice(["basic", "gold"], count).tolist(),
        c3=rng.choice(["true", "false"], count).tolist(),
    )


def test_a_first_row_that_is_a_record_is_said_without_its_values():
    [hint] = list_hints(rows(500), header=("44", "2981.50", "gold", "false"))

    assert (hint.hint, hint.features) == ("header_is_data", ())
    assert hint.description == (
        "the first row of the CSV looks like a record, not like the names of 4 columns; "
        "write --dataset-format csv-without-header, or a header line"
    )


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(("age", "income", "plan", "left"), id="names"),
        pytest.param(("44", "2981.50", "plan", "left"), id="a text that is no value"),
        pytest.param(("age", "2981.50", "gold", "false"), id="a name over numbers"),
        pytest.param(("44", "9e9", "gold", "false"), id="far out of its range"),
        pytest.param(("0", "1", "2", "3"), id="counters"),
        pytest.param((), id="no header"),
        pytest.param(("44",), id="another number of columns"),
    ],
)
def test_a_header_is_left_alone_if_one_name_is_no_value(header):
    assert list_hints(rows(500), header=header) == ()


@pytest.mark.parametrize(
    ("header", "hint_names"),
    [
        (("0.1", "0.5", "0.9"), []),  # quantiles of a forecast
        (("-1", "0", "1"), []),  # lags
        (("2024", "2025", "2026"), []),  # years
        (("17", "3", "25"), []),  # numbers of sensors
        (("0.31", "-0.72", "0.05"), ["header_is_data"]),
        (("2", "0.31", "1"), ["header_is_data"]),  # some of them may be names, but not all
    ],
)
def test_numbers_may_be_names_if_they_are_in_order_or_count(header, hint_names):
    rng = np.random.default_rng(3)
    columns = {f"c{number}": [repr(float(value)) for value in rng.normal(0, 1500, 400)] for number in range(3)}

    assert list_hint_names(texts(**columns), header=header) == hint_names


# swapped columns

LAWS = {
    "normal": lambda rng, rows: rng.normal(0, 1, rows),
    "shifted": lambda rng, rows: rng.normal(6, 1, rows),
    "skewed": lambda rng, rows: rng.lognormal(4, 0.6, rows),
    "counts": lambda rng, rows: rng.poisson(40, rows),
    "few": lambda rng, rows: rng.integers(0, 3, rows) - 20,
    "flag": lambda rng, rows: rng.choice([0, 1], rows, p=[0.9, 0.1]),
    "plan": lambda rng, rows: rng.choice(["basic", "gold", "family"], rows),
    "country": lambda rng, rows: rng.choice(["DE", "FR", "PL", "ES"], rows, p=[0.6, 0.2, 0.1, 0.1]),
    "identity": lambda rng, rows: [f"customer-{number}" for number in rng.integers(0, 10**9, rows)],
}
CLEARLY_APART = [
    *("normal/shifted", "normal/skewed", "shifted/skewed", "normal/counts", "flag/counts", "few/normal", "few/flag"),
    *("plan/country", "plan/normal", "flag/plan", "identity/normal", "identity/counts", "few/country"),
]


def drawn(rng, count, **laws):
    """A CSV of so many rows, each column of the law that it names."""
    return texts(**{name: [str(value) for value in LAWS[law](rng, count)] for name, law in laws.items()})


@pytest.mark.parametrize(
    ("pair", "from_documents"),
    [(pair, False) for pair in CLEARLY_APART] + [(pair, True) for pair in CLEARLY_APART if "identity" not in pair],
)
def test_two_columns_of_different_laws_that_changed_places_are_named(pair, from_documents):
    first, second = pair.split("/")
    rng = np.random.default_rng(7)
    baseline = drawn(rng, 2000, a="normal", b=first, c="skewed", d=second)
    current = drawn(rng, 200, a="normal", b=second, c="skewed", d=first)

    [hint] = list_hints(current, baseline, by_position=True, from_documents=from_documents)

    assert (hint.hint, hint.features) == ("swapped_columns", ("b", "d"))
    assert hint.description == (
        "columns 2 ('b') and 4 ('d') look swapped: the values of each fit the baseline of the other and not their own; "
        "write the columns in the baseline's order"
    )


def test_without_states_nobody_knows_texts_that_are_too_many_to_list():
    rng = np.random.default_rng(7)
    baseline = drawn(rng, 2000, a="identity", b="normal")
    current = drawn(rng, 200, a="normal", b="identity")

    assert list_hint_names(current, baseline, by_position=True) == ["swapped_columns"]
    assert list_hint_names(current, baseline, by_position=True, from_documents=True) == []


def test_columns_that_carry_their_names_have_not_changed_places():
    rng = np.random.default_rng(7)
    baseline = drawn(rng, 2000, a="normal", b="plan")
    current = drawn(rng, 200, a="plan", b="normal")

    assert list_hint_names(current, baseline, by_position=True) == ["swapped_columns"]
    assert list_hint_names(current, baseline, by_position=False) == []


def test_two_swaps_are_two_hints_and_each_column_is_in_one():
    rng = np.random.default_rng(8)
    baseline = drawn(rng, 2000, a="normal", b="shifted", c="plan", d="country", e="counts")
    current = drawn(rng, 300, a="shifted", b="normal", c="country", d="plan", e="counts")

    hint_list = list_hints(current, baseline, by_position=True)

    assert sorted(hint.features for hint in hint_list) == [("a", "b"), ("c", "d")]


@pytest.mark.nightly
@pytest.mark.parametrize("law", LAWS)
def test_columns_of_one_law_never_look_swapped(law):
    """80 windows of 6 columns that are all alike, four beside each of 20 baselines: of 1,200 pairs none, most of them in
    the smallest windows and baselines.
    """
    rng = np.random.default_rng(11)
    columns = dict.fromkeys("abcdef", law)
    baselines = [drawn(rng, 30 if number % 2 else 300, **columns) for number in range(20)]
    for draw in range(80):
        baseline = baselines[draw % 20]
        current = drawn(rng, (30, 60, 600)[draw % 3] if draw < 15 else 30, **columns)
        assert list_hints(current, baseline, by_position=True) == ()


@pytest.mark.parametrize("draws", [25, defer_to_night(100)])
def test_columns_in_their_places_never_look_swapped(draws):
    """Draws of 8 columns of any laws, of which one drifts: numbers move and are stretched, texts are other ones."""
    rng = np.random.default_rng(13)
    for _ in range(draws):
        laws = dict(zip("abcdefgh", rng.choice(list(LAWS), 8), strict=True))
        baseline = drawn(rng, int(rng.integers(30, 500)), **laws)
        count = int(rng.integers(30, 120))
        cells = {name: [str(value) for value in LAWS[law](rng, count)] for name, law in laws.items()}
        drifting = rng.choice(list("abcdefgh"))
        cells[drifting] = _drifted(rng, laws[drifting], cells[drifting])
        assert list_hints(texts(**cells), baseline, by_position=True) == ()


def _drifted(rng, law, cells):
    if law in ("plan", "country", "identity"):
        return [f"new {cell}" for cell in cells]
    return [str(float(cell) * rng.uniform(-3, 3) + rng.uniform(-50, 50)) for cell in cells]


def test_indicators_that_turn_are_no_swap():
    """Nine of ten are on the old plan at first, then on the new one: two columns of 0 and 1 that mirror each other."""
    rng = np.random.default_rng(17)
    old = rng.choice([0, 1], 1000, p=[0.1, 0.9])
    baseline = texts(old=[str(flag) for flag in old], new=[str(1 - flag) for flag in old])
    current = texts(old=[str(1 - flag) for flag in old], new=[str(flag) for flag in old])

    assert list_hints(current, baseline, by_position=True) == ()


def test_columns_that_meet_half_way_are_no_swap():
    """Both are as far from their own baseline as from the other's: 0.63 by the normal distribution, 1.8 deviations away."""
    rng = np.random.default_rng(31)

    def make_columns(first_mean, second_mean):
        return texts(
            **{
                name: [str(value) for value in rng.normal(mean, 1, 2000)]
                for name, mean in (("a", first_mean), ("b", second_mean))
            }
        )

    assert list_hints(make_columns(1.8, 1.8), make_columns(0, 3.6), by_position=True) == ()


def test_texts_among_numbers_on_either_side_are_no_swap():
    """Two columns of one law; in the baseline the one has a text among its numbers, in the window the other."""
    rng = np.random.default_rng(19)
    numbers = [str(value) for value in rng.normal(size=400)]
    baseline = texts(a=numbers, b=[*numbers[1:], "n/a"])
    current = texts(a=[*numbers[1:], "n/a"], b=numbers)

    assert list_hint_names(current, baseline, by_position=True) == ["not_numbers"]


def test_a_column_too_many_at_the_front_is_a_shift_and_no_swap():
    """All columns stand one place further on; in the second window their number is another, and nothing is compared."""
    rng = np.random.default_rng(23)
    baseline = drawn(rng, 1000, a="normal", b="shifted", c="skewed", d="plan")
    current = drawn(rng, 200, a="plan", b="normal", c="shifted", d="skewed")

    [hint] = list_hints(current, baseline, by_position=True)
    assert (hint.hint, hint.features) == ("shifted_columns", ("b", "c", "d"))
    assert hint.description == (
        "the columns look shifted by one to the right: 3 of them hold the values of their neighbour ('b' those of 'a'); "
        "write the baseline's columns in the order of these records; captures have the output first, then the input"
    )
    assert list_hints(drawn(rng, 200, x="plan", a="normal"), baseline, by_position=True) == ()


@pytest.mark.parametrize("from_documents", [False, True], ids=["by states", "by statistics.json"])
def test_values_where_the_baseline_lacks_them_are_a_hint(from_documents):
    def lacking(count, rows=1_000):
        return make_profile(number_feature("x", [None] * count + [1.5] * (rows - count)))

    (hint,) = list_hints(lacking(0), lacking(300), from_documents=from_documents)
    assert (hint.hint, hint.features) == ("fewer_missing", ("x",))
    assert hint.description.startswith("fewer values are missing than in the baseline: 'x' (0 of 1,000)")
    assert list_hint_names(lacking(270), lacking(300)) == []  # as by chance
    assert list_hint_names(lacking(500), lacking(300)) == []  # more are completeness_check's
    assert list_hint_names(lacking(0), lacking(10)) == []  # not worth a word


def test_fewer_than_thirty_values_say_nothing():
    rng = np.random.default_rng(29)
    baseline = drawn(rng, 1000, a="normal", b="plan")

    assert list_hint_names(drawn(rng, 29, a="plan", b="normal"), baseline, by_position=True) == []
    assert list_hint_names(drawn(rng, 30, a="plan", b="normal"), baseline, by_position=True) == ["swapped_columns"]


def test_where_the_service_is_replayed_nothing_is_stated():
    rng = np.random.default_rng(7)
    baseline = drawn(rng, 2000, a="normal", b="plan")
    current = drawn(rng, 200, a="plan", b="normal")
    as_service = DataQualityMonitor(as_service=True)

    assert as_service.judge(Sample(current, {}, ColumnLayout(by_position=True)), make_baseline(baseline)).hints == ()
    assert as_service.judge(Sample(texts(day=["2026-03-01"] * 10), {}), None).hints == ()


def test_checks_json_has_hints_only_where_there_are_some():
    hints = list_hints(texts(day=["2026-03-01", "2026-03-02"] * 5))

    assert "hints" not in CheckResults(checks=()).to_json()
    document = CheckResults(checks=(), hints=hints)
    assert document.plain()["hints"][0]["features"] == ["day"]
    assert CheckResults.from_json(document.to_json()) == document


# unknown members


def test_what_nothing_reads_of_hand_written_constraints_is_reported_and_not_where_the_service_is_replayed():
    rows = texts(plan=["a", "b"] * 10)
    reference = make_baseline(rows)
    plain = reference.constraints.plain()
    plain["features"][0]["completness"] = plain["features"][0].pop("completeness")
    reference = QualityBaseline.from_documents(type(reference.constraints).from_json(json.dumps(plain)), None, rows)

    [hint] = MONITOR.judge(Sample(rows, {}, ColumnLayout()), reference).hints

    assert (hint.hint, hint.features) == ("unknown_members", ())
    assert hint.description == (
        "of constraints.json nothing reads: features[0].completness is unknown; did you mean completeness?"
    )
    assert DataQualityMonitor(as_service=True).judge(Sample(rows, {}, ColumnLayout()), reference).hints == ()


def test_beside_a_baseline_of_numbers_a_comma_is_left_to_the_guess():
    """12,345 may be twelve thousands, or twelve and a third of one."""
    numbers = np.random.default_rng(3).uniform(10, 99, 400).round(3)
    commas = texts(usage=[f"{number:.3f}".replace(".", ",") for number in numbers])

    assert "number_forms" in list_hint_names(commas)
    assert "number_forms" not in list_hint_names(commas, make_profile(number_feature("usage", list(numbers))))


def test_a_text_without_a_digit_has_none_of_the_forms_of_numbers():
    random = np.random.default_rng(3)
    pieces = [*".,'’ %‰€()-−+<~=/½Ⅷ", "kg", "EUR", "°C", "N", "north"]
    patterns = [pattern for _, pattern, _ in not_numbers.NUMBER_FORMS]
    assert [pattern.fullmatch("-12.5 kg") for pattern in patterns].count(None) == len(patterns) - 1

    for _ in range(5_000):
        text = "".join(random.choice(pieces, random.integers(1, 7))).strip()
        assert not any(pattern.fullmatch(text) for pattern in patterns), text
        assert not_numbers._find_number_form(text) in (not_numbers.TEXT, not_numbers.PLAIN)  # a dash is a missing value


def test_a_text_is_looked_at_once_for_all_forms_of_numbers(monkeypatch):
    looked_at = []
    monkeypatch.setattr(not_numbers, "_find_number_form", lambda text: looked_at.append(text) or not_numbers.TEXT)

    list_hints(texts(order=[f"order {number}" for number in range(30)] * 3))

    assert sorted(looked_at) == sorted(f"order {number}" for number in range(30))
