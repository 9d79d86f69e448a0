"""Between two tasks: a worker keeps its libraries out of the collector's sight and its archives out of the importer's."""

from __future__ import annotations

import zipfile

from tests.programs import printed_by


def test_a_task_gives_what_it_makes_and_the_next_collection_visits_nothing_old():
    program = """
        import gc
        from model_monitor.engine.worker import in_worker

        print(list(in_worker(lambda batches: (batch + 1 for batch in batches), [1, 2])))
        frozen = gc.get_freeze_count()
        print(frozen > 10_000)
        list(in_worker(iter, []))
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
        from model_monitor.engine.worker import in_worker

        list(in_worker(iter, []))
        print(any(isinstance(finder, zipimporter) for finder in sys.path_importer_cache.values()))
        import two
        print(two.name)
    """

    assert printed_by(program, path=[str(archive)]).splitlines() == ["False", "two"]
