"""Between two tasks: a worker keeps its libraries out of the collector's sight and its archives out of the importer's."""

import zipfile

import pytest
from tests.programs import printed_by

from spark_model_monitor.errors import ScriptFailed
from spark_model_monitor.spark.engine.worker import hide_texts


def test_a_task_gives_what_it_makes_and_the_next_collection_visits_nothing_old():
    program = """
        import gc
        from spark_model_monitor.spark.engine.worker import run_in_worker

        print(list(run_in_worker(lambda batches: (batch + 1 for batch in batches), [1, 2])))
        frozen = gc.get_freeze_count()
        print(frozen > 10_000)
        list(run_in_worker(iter, []))
        print(gc.get_freeze_count() == frozen)
    """

    assert printed_by(program).splitlines() == ["[2, 3]", "True", "True"]


def test_modules_of_archives_are_found_after_a_task_too(tmp_path):
    archive = tmp_path / "ours.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("one.py", "")
        content.writestr("two.py", "name = 'two'")
    program = """
        import sys
        from zipimport import zipimporter
        import one
        from spark_model_monitor.spark.engine.worker import run_in_worker

        list(run_in_worker(iter, []))
        print(any(isinstance(finder, zipimporter) for finder in sys.path_importer_cache.values()))
        import two
        print(two.name)
    """

    assert printed_by(program, path=[str(archive)]).splitlines() == ["False", "two"]


def test_what_a_worker_raises_has_its_class_and_place_and_no_text():
    def task(batches):
        for batch in batches:
            yield float(batch)

    with pytest.raises(ValueError, match="^$") as caught:
        list(hide_texts(task, ["Jane Doe"]))

    assert caught.traceback[-1].path.name == "test_worker.py"


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param(lambda: b"Jane \xff".decode(), id="bytes that are no text"),
        pytest.param(lambda: {}["Jane"], id="a key"),
        pytest.param(lambda: "Jane \ud800".encode(), id="a text that is none"),
    ],
)
def test_no_exception_that_leaves_a_worker_repeats_a_value(raised):
    def task(batches):
        try:
            yield raised()
        except Exception as fault:
            raise RuntimeError("Jane") from fault

    with pytest.raises(RuntimeError) as caught:
        list(hide_texts(task, []))

    assert "Jane" not in f"{caught.value!r} {caught.value.__cause__!s}"


def test_an_error_of_ours_leaves_a_worker_with_its_sentence_and_its_cause_without_one():
    def task(batches):
        try:
            yield float("Jane")
        except ValueError as fault:
            raise ScriptFailed("line 3 raised ValueError") from fault

    with pytest.raises(ScriptFailed, match="line 3 raised ValueError") as caught:
        list(hide_texts(task, []))

    assert str(caught.value.__cause__) == ""
