"""What `make quick` chooses."""

import pytest
from tests.floors import PACKAGE
from tests.quick import ROOT, UNIT, find_reached_tests

MOMENTS = PACKAGE / "statistics" / "states" / "moments.py"


def names(files):
    return [file.name for file in files]


@pytest.mark.long
def test_the_test_of_a_changed_module_comes_first_and_those_that_import_it_by_detours_come_behind():
    reached = find_reached_tests([MOMENTS])

    assert names(reached)[0] == "test_moments.py"
    distances = list(reached.values())[1:]
    assert distances == sorted(distances)
    assert "test_import_table.py" in names(reached)  # which reads every module


def test_what_does_not_import_the_changed_module_is_not_reached():
    reached = find_reached_tests([MOMENTS])

    assert all(file.is_relative_to(UNIT) for file in reached)
    assert UNIT / "capture" / "test_options.py" not in reached  # capture imports nothing of ours


def test_a_changed_test_and_the_tests_of_a_changed_helper_are_reached():
    changed_test = UNIT / "states" / "test_moments.py"

    assert find_reached_tests([changed_test]) == {changed_test: 0}
    assert find_reached_tests([UNIT / "data_quality" / "comparisons.py"])
    assert "test_face.py" in names(find_reached_tests([ROOT / "tests" / "programs.py"]))


def test_a_changed_page_reaches_the_tests_of_pages():
    assert set(names(find_reached_tests([ROOT / "README.md"]))) == {"test_documentation.py", "test_sources.py"}


def test_a_changed_template_reaches_what_its_modules_do():
    [template, *_] = sorted(PACKAGE.glob("reports/page/assets/*.css"))

    assert names(find_reached_tests([template]))


def test_a_check_that_nobody_imports_reaches_the_tests_of_its_package():
    """It is found by being there."""
    assert "test_check_law.py" in names(
        find_reached_tests([PACKAGE / "monitors" / "data_quality" / "checks" / "limits.py"])
    )
