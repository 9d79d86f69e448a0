"""`spark-model-monitor watch-tables`: which tables a pattern means, what is run of each, and what the page says of the others."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from tests.unit.scheduling.conftest import Jobs, make_time

from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.running.scheduling.catalog import make_table_fleet
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due


class Warehouse:
    """Folders of tables, and what looking at them runs and writes."""

    def __init__(self, folder) -> None:
        self.top, self.output, self.jobs = folder / "warehouse", folder / "tables", Jobs()

    def table(self, name, *marks) -> None:
        for mark in marks or ("part.parquet",):
            (self.top / name / mark).mkdir(parents=True)

    def fleet(self, pattern="*.*", hour=20):
        return make_table_fleet(pattern, str(self.top), self.output, make_time(4, hour))

    def formats(self, pattern):
        """What each entry's job reads, by its name."""
        return {
            entry.name: entry.plan.entry.jobs[0].variables["dataset_format"].replace(str(self.top), "…")
            for entry in self.fleet(pattern).entries
            if entry.plan
        }

    def look(self, pattern="*.*", hour=20):
        """What is printed."""
        out = io.StringIO()
        page = self.output / "index.html"
        request = Request((), self.output / "state", page=page)
        fleet = self.fleet(pattern, hour)
        run_due(request, out, launch=self.jobs, now=lambda: make_time(4, hour, 1), fleet=fleet)
        return out.getvalue()


@pytest.fixture
def warehouse(tmp_path):
    new_warehouse = Warehouse(tmp_path)
    new_warehouse.table("sales/orders", "_delta_log")
    new_warehouse.table("sales/clicks", "metadata", "data")
    new_warehouse.table("sales.db/visits", "day=2026-01-01")
    new_warehouse.table("hr/people", "_delta_log")
    return new_warehouse


def test_a_pattern_means_the_tables_of_the_schemas_that_fit_whoever_keeps_them(warehouse):
    assert warehouse.formats("sales.*") == {
        "sales.orders": "table:delta.`file:…/sales/orders`",
        "sales.clicks": "table:iceberg.`file:…/sales/clicks`",
        "sales.visits": "table:parquet.`file:…/sales.db/visits`",
    }
    assert list(warehouse.formats("*.p*")) == ["hr.people"]


def test_each_table_is_looked_at_by_each_call_and_has_a_line_on_the_page(warehouse):
    warehouse.look("sales.*", 20)
    assert "3 monitors, 0 in alert, 0 not checked" in warehouse.look("sales.*", 21)

    flags = [job.flags for job in warehouse.jobs.commands]
    assert [job_flags["--sagemaker-endpoint-name"] for job_flags in flags] == [
        "sales.clicks",
        "sales.orders",
        "sales.visits",
    ] * 2
    assert all(job_flags["--each-commit"] == "true" for job_flags in flags)
    assert flags[0]["--output-path"] == str(warehouse.output / "sales.clicks")


def test_what_a_job_reported_of_commits_stands_on_the_page_without_an_alert(warehouse):
    warehouse.jobs.statuses = [4]
    warehouse.jobs.message = "CompletedWithViolations: 60 commits, 1 with violations: A (b)."

    assert "no run yet: hr.people: 60 commits, 1 with violations: A (b).\n" in warehouse.look("hr.*")
    assert "60 commits, 1 with violations" in (warehouse.output / "index.html").read_text()


def test_tables_that_are_gone_or_closed_are_lines_and_the_others_go_on(warehouse, monkeypatch):
    warehouse.look()
    (warehouse.top / "hr" / "people" / "_delta_log").rmdir()
    (warehouse.top / "hr" / "people").rmdir()
    within = os.scandir

    def closed(path="."):  # root may look into everything
        if Path(path).name == "clicks":
            raise PermissionError(13, "Permission denied")
        return within(path)

    monkeypatch.setattr("os.scandir", closed)
    printed = warehouse.look(hour=21)

    assert "not checked: hr.people: the table is not there any more; restore it, or remove its record" in printed
    assert f"not checked: sales.clicks: {warehouse.top}/sales/clicks: can't be listed (Permission denied)" in printed
    assert len(warehouse.jobs.commands) == 4 + 2


def test_a_table_behind_a_link_out_of_the_warehouse_takes_the_flag(warehouse, tmp_path):
    (tmp_path / "private").mkdir()
    (warehouse.top / "hr" / "linked").symlink_to(tmp_path / "private")

    faults = {table.name: str(table.fault) for table in warehouse.fleet("hr.*").entries if table.fault}
    followed = make_table_fleet("hr.*", str(warehouse.top), warehouse.output, make_time(4, 20), follow_links=True)
    assert list(faults) == ["hr.linked"]
    assert "is behind a link that leads out of" in faults["hr.linked"]
    assert [table.plan.entry.jobs[0].variables["follow_links"] for table in followed.entries] == ["true"] * 2


def test_a_table_with_a_name_that_no_file_can_have_is_a_line(warehouse):
    warehouse.table("hr/a b")
    assert "not checked: hr.a b: " in warehouse.look("hr.*")


@pytest.mark.parametrize(
    ("pattern", "warehouse_", "error", "sentence"),
    [
        ("shop.*", True, BadConfiguration, "fits no table of"),
        ("sales", False, BadConfiguration, "has no catalog; write CATALOG.SCHEMA.TABLE"),
        ("nowhere.sales.*", False, BadInput, "the catalog 'nowhere' can't be listed"),
    ],
)
def test_a_pattern_that_means_nothing_is_reported(warehouse, pattern, warehouse_, error, sentence):
    with pytest.raises(error, match=sentence):
        make_table_fleet(pattern, str(warehouse.top) if warehouse_ else None, warehouse.output, make_time(4, 20))
