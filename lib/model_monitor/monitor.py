"""The product on one page: a frame and a monitor give a baseline.

    from model_monitor.data_quality.monitor import DataQualityMonitor
    from model_monitor.monitor import run_baseline

    baseline = run_baseline(frame, DataQualityMonitor())
    baseline.to_pandas()
    baseline.write("baseline/")

The same functions are behind the jobs. In a session of the caller's nothing is set.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import Statistics
from model_monitor.documents.tables import as_rows
from model_monitor.errors import BadInput, NoData, ScriptFailed
from model_monitor.history.archive import PROFILE, to_parquet
from model_monitor.outputs.files import CONSTRAINTS, STATISTICS, Run, publish
from model_monitor.profiling import deequ
from model_monitor.profiling.scan import Scan, scan
from model_monitor.reading.dataset import NO_DATA, Dataset
from model_monitor.reading.ledger import Ledger
from model_monitor.reading.quarantine import clear_quarantine, write_quarantine
from model_monitor.reading.refusals import Refusal
from model_monitor.states import Profile
from model_monitor.states.measures import Measures
from model_monitor.states.metrics import FeatureMetrics

if TYPE_CHECKING:
    from model_monitor.profiling.checks import CheckPlan, CheckResults

log = logging.getLogger(__name__)

MAX_QUARANTINED_SHARE = 0.01
"""Most records, as a share of those read, that may be refused before a run fails (contract.md section 11)."""

LEDGER = "ledger.json"
CHECKS = "checks_deequ.json"


class Monitor(Protocol):
    """One kind of monitoring: which states it needs, and what documents it makes of them. All of it is pure."""

    def measures(self) -> Measures:
        """The states that its scan makes."""

    def statistics(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> Statistics:
        """What the data is like. metrics: Deequ's metrics of the profile's features, by name."""

    def constraints(self, profile: Profile) -> Constraints:
        """What later data should be like."""


@dataclass(frozen=True)
class Baseline:
    """What a baselining run found: the two documents, the states behind them, and the account of what was read.

    checks: the results of the user's own Deequ Checks, None if there were none.
    """

    statistics: Statistics
    constraints: Constraints
    profile: Profile
    ledger: Ledger
    checks: CheckResults | None = None

    def to_pandas(self) -> pd.DataFrame:
        """One row for each feature: type, completeness, distinct values, mean, standard deviation, minimum, maximum."""
        return pd.DataFrame(as_rows(self.statistics)).set_index("name")

    def _repr_html_(self) -> str:
        head = f"<p>{self.ledger.kept:,} rows, {len(self.profile.features):,} features</p>"
        return head + self.to_pandas().to_html(na_rep="", float_format=lambda number: f"{number:,.6g}")

    @property
    def body_dict(self) -> dict[str, Any]:
        """Both documents as the dictionaries that the service's SDK gives as `body_dict`."""
        return {"statistics": self.statistics.body_dict, "constraints": self.constraints.body_dict}

    def files(self) -> dict[str, bytes]:
        """Every file of the run by its name below the output path."""
        files = {
            STATISTICS: self.statistics.to_json().encode(),
            CONSTRAINTS: self.constraints.to_json().encode(),
            LEDGER: _json(self.ledger.to_json_dict()),
            PROFILE: to_parquet(self.profile),
        }
        if self.checks is not None:
            files[CHECKS] = _json(self.checks.to_json_dict())
        return files

    def write(self, output_path: str, spark: SparkSession | None = None) -> Run:
        """Publish the files below `output_path`; without a session it has to be a local path.

        Raises OutputFailed if they can't be written; a run published there before is then untouched.
        """
        return publish(self.files(), output_path, spark)


def run_baseline(
    data: DataFrame | Dataset,
    monitor: Monitor,
    *,
    checks: CheckPlan | None = None,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    output_path: str | None = None,
) -> Baseline:
    """Profile a data set and suggest constraints for later ones. One scan, whatever the number of columns.

    data: a frame, every column of which is a feature, or what `reading` made of files. checks: the user's own Deequ Checks,
    planned beforehand (`profiling.checks.plan`); they run on the states of the same scan. output_path: where refused records
    are put, below `quarantine/`, also when there are too many of them; without it they are only counted.

    Raises NoData for no rows, BadInput if more than `max_quarantined_share` of the records had to be refused.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.of(data)
    spark = dataset.frame.sparkSession
    found = _scanned(dataset, monitor.measures(), checks)
    ledger = dataset.ledger(found.rows)
    quarantine = _put_aside(dataset, ledger, output_path) if output_path else None
    _require_enough(ledger, max_quarantined_share, quarantine)
    metrics = deequ.evaluate(spark, found.profile)
    return Baseline(
        monitor.statistics(found.profile, metrics),
        monitor.constraints(found.profile),
        found.profile,
        ledger,
        checks.run(spark, found.profile, found.matches, dataset.named_frame()) if checks else None,
    )


def _scanned(dataset: Dataset, measures: Measures, checks: CheckPlan | None) -> Scan:
    predicates = dict(checks.predicates) if checks else {}
    frame, columns = _with_predicates(dataset, predicates)
    try:
        return scan(
            frame,
            dataset.names,
            reason=dataset.reason,
            reasons=len(Refusal) if dataset.refusable else 0,
            predicates=columns,
            counted=measures.counted | (checks.frequency_columns if checks else frozenset()),
            accept_exponents=measures.accept_exponents,
            partitions_at_most=dataset.partitions_at_most,
        )
    except Exception as fault:
        raise dataset.explained(fault) from fault


def _with_predicates(dataset: Dataset, predicates: Mapping[str, str]) -> tuple[DataFrame, dict[str, Column]]:
    """The frame with a boolean column for each SQL expression over the features' names, and those columns by name."""
    if not predicates:
        return dataset.frame, {}
    names = [f"__predicate{index}" for index in range(len(predicates))]
    named = dataset.named_frame()
    with_predicates = named.select(
        "*", *[F.expr(sql).alias(name) for name, sql in zip(names, predicates.values(), strict=True)]
    )
    frame = with_predicates.toDF(*dataset.frame.columns, *names)
    return frame, {key: F.col(name) for key, name in zip(predicates, names, strict=True)}


def _put_aside(dataset: Dataset, ledger: Ledger, output_path: str) -> str | None:
    """The folder with the records that were refused; None if there are none."""
    if ledger.quarantined:
        return write_quarantine(dataset, output_path)
    clear_quarantine(dataset, output_path)
    return None


def _require_enough(ledger: Ledger, max_quarantined_share: float, quarantine: str | None) -> None:
    """A run rests on the records that were kept, and only as long as few were refused."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.refused.items())
    where = f"; they are in {quarantine}" if quarantine else ""
    if ledger.quarantined:
        log.warning("refused %s of %s records: %s%s", f"{ledger.quarantined:,}", f"{ledger.read:,}", reasons, where)
    if ledger.quarantined_share > max_quarantined_share:
        failure = ScriptFailed if Refusal.SCRIPT_ERROR.text in ledger.refused else BadInput
        raise failure(
            f"{ledger.quarantined:,} of {ledger.read:,} records were refused ({reasons}), more than the allowed share of "
            f"{max_quarantined_share}{where}; mend them, or allow more with --max-quarantined-share"
        )
    if not ledger.kept:
        raise NoData(f"{NO_DATA}: no record is left of {ledger.read:,}")


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
