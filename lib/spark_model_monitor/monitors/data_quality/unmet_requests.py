"""What a person asked for that this window or its baseline can't do: results that say why nobody can tell. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.documents.headline import RELATIONS, REQUEST, TIMES
from spark_model_monitor.monitors.data_quality.baseline_comparison import WindowComparison
from spark_model_monitor.monitors.data_quality.distribution.always_new import name_of_times, unit_of_times
from spark_model_monitor.monitors.protocol import Finding

NO_RELATIONS = "the baseline has none between its columns"
MAKE_WITH_PAIRS = "make the baseline with --with-pairs"
NO_TIMES = "{column} holds none"
NO_COLUMN_OF_TIMES = "{column} is no column of this data"
NAME_TIMES = "name a column of times (--time-column)"


def list_unmet_requests(
    comparison: WindowComparison, *, wants_relations: bool, time_column: str | None
) -> Iterator[CheckResult]:
    """A result for each request that can't be met."""
    # As the service does, nothing is said of chance
    if comparison.calibration is None:
        return
    # Relations are those of the baseline
    if wants_relations and not comparison.pairs:
        yield _create_result(RELATIONS, NO_RELATIONS, MAKE_WITH_PAIRS)
    if time_column is None:
        return
    # The time column may be absent, empty, or hold something else, now and in the baseline
    features = [feature for feature in comparison.current.features if feature.name == time_column]
    if not features:
        yield _create_result(TIMES, NO_COLUMN_OF_TIMES.format(column=time_column), NAME_TIMES)
        return
    # Times in the baseline alone show what the window's cells should be
    baseline = comparison.baseline.profile
    if baseline is not None:
        features += [feature for feature in baseline.features if feature.name == time_column]
    has_times = any(name_of_times(feature) or unit_of_times(feature) for feature in features)
    if features[0].num_present and not has_times:
        yield _create_result(TIMES, NO_TIMES.format(column=time_column), NAME_TIMES)


def _create_result(name: str, reason: str, advice: str) -> CheckResult:
    return Finding.not_judged(None, None).unsure(reason, advice).result(REQUEST, feature=name)
