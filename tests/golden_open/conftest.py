"""The runs of the open golden set, each made once for all tests of the folder, on each engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.golden_open import inputs
from tests.golden_open.runs import AS_SERVICE, run_golden_baseline, run_golden_monitoring

CAPTURES = ("--dataset-format", "capture", "--start-time", inputs.WINDOW[0], "--end-time", inputs.WINDOW[1])


@pytest.fixture(scope="session")
def folder(engine_name, tmp_path_factory) -> Path:
    """A folder for the runs of one engine."""
    return tmp_path_factory.mktemp("golden_open")


@pytest.fixture(scope="session")
def baseline(engine, folder):
    """The baseline of 128 deliveries, as the service has it: its limits are the bare shares."""
    source = inputs.deliveries(folder)
    return run_golden_baseline(
        engine, folder / "baseline", "--dataset-source", source, "--dataset-format", "csv", *AS_SERVICE
    )


@pytest.fixture(scope="session")
def window(engine, folder, baseline):
    """A function from flags to what a monitoring job finds in the captured hour."""
    captures = inputs.captured_deliveries(folder)

    def monitored(*flags):
        source_flags = ("--dataset-source", captures, *CAPTURES, "--baseline", folder / "baseline")
        return run_golden_monitoring(engine, folder / "report", *source_flags, "--max-quarantined-share", 0.05, *flags)

    return monitored


@pytest.fixture(scope="session")
def findings(window):
    return window()


@pytest.fixture(scope="session")
def findings_as_service(window):
    return window(*AS_SERVICE)
