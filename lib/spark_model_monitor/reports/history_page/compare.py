"""`spark-model-monitor compare A B`: what changed between two runs, baselines or statistics.json, largest change first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, TextIO

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.documents.headline import DRIFT, moved, place_of
from spark_model_monitor.documents.outcome import FeatureOutcome, unsure_features
from spark_model_monitor.documents.page import (
    Card,
    Cards,
    Column,
    Headline,
    Line,
    Mark,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    number_text,
    short_name,
)
from spark_model_monitor.documents.statistics import QUARTILES, Statistics, as_rows
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.distributions import FeatureDistribution, from_profile, from_statistics
from spark_model_monitor.monitors.data_quality.documents import MAX_DOMAIN_SIZE, profile_of
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.data_quality.pictures import overlay_of
from spark_model_monitor.monitors.data_quality.segments import parts_of, told_of
from spark_model_monitor.monitors.protocol import Sample, violated
from spark_model_monitor.reports.history.archive import from_parquet, path_of
from spark_model_monitor.reports.history.baselines import of_files, of_run, shares_at
from spark_model_monitor.reports.history_page.past_run import PastRun, read_run
from spark_model_monitor.reports.outputs.files import current_run
from spark_model_monitor.reports.outputs.printable import printable, text_table
from spark_model_monitor.reports.page.files import Report
from spark_model_monitor.statistics.drift import compare_categorical, compare_numeric
from spark_model_monitor.statistics.states import Profile
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT
from spark_model_monitor.storage import join, storage_of

VIOLATED_STATUS = 4  # exit status, as for a job with --fail-on-violations. Source: C1.6.

SHOWN = ("inferred_type", "completeness", "mean", "std_dev", "min", *QUARTILES, "max", "distinct", "value")
HEADINGS = {"inferred_type": "type", "std_dev": "sd"}

Number = Any


@dataclass(frozen=True)
class Side:
    """One of the two. rows: numbers and words by name. distributions: the known ones. profile: of a run with states."""

    path: str
    item_count: int | None
    rows: Mapping[str, Mapping[str, Number]]
    distributions: Mapping[str, FeatureDistribution]
    profile: Profile | None = None
    statistics: Statistics | None = None


@dataclass(frozen=True)
class Change:
    """The change of a feature or metric from A to B.

    kind: `added`, `removed`, `changed` or `same`. distance: the largest gap between both distributions, 0 to 1, None if
    unknown. changes: old and new value by the name of a number, if they differ.
    """

    name: str
    kind: str
    distance: float | None = None
    changes: Mapping[str, tuple[Number, Number]] = field(default_factory=dict)
    impact: float | None = None


@dataclass(frozen=True)
class Compared:
    """The changes from one to the other, the largest first. shares: each feature's share in what moves the model."""

    before: Side
    after: Side
    shares: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        names = dict.fromkeys((*self.before.rows, *self.after.rows))
        return tuple(sorted(map(self._change, names), key=_rank))

    def _change(self, name: str) -> Change:
        before, after = self.before.rows.get(name), self.after.rows.get(name)
        if before is None or after is None:
            return Change(name, "added" if before is None else "removed")
        pairs = {key: (before.get(key), after.get(key)) for key in SHOWN}
        different = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
        distance = _distance(self.before.distributions.get(name), self.after.distributions.get(name))
        impact = (distance or 0.0) * self.shares.get(name, 0.0) if self.shares else None
        return Change(name, "changed" if different or distance else "same", distance, different, impact)

    def judged(self) -> tuple[CheckResult, ...]:
        """The results of A's constraints on B, from files: B's states, or its statistics.json as far as that goes.

        Raises BadInput if B has no features.
        """
        after, monitor = self.after, DataQualityMonitor()
        if after.profile is None and after.statistics is None:
            raise BadInput(
                f"{after.path}: has no features, which constraints are held against; name a run of data quality"
            )
        profile = after.profile or profile_of(after.statistics)  # type: ignore[arg-type]  # one of them is there
        sample = Sample(profile, monitor.metrics(profile))
        results = monitor.judge(sample, _baseline(self.before.path)).results
        return results if after.profile is not None else tuple(map(_as_documents_tell, results))

    def plain(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "before": self.before.path,
            "after": self.after.path,
            "rows": [self.before.item_count, self.after.item_count],
            "changes": [
                {name: value for name, value in asdict(change).items() if name != "impact" or value is not None}
                for change in self.changes
            ],
        }


def compare(before: str, after: str, attributions: str | None = None) -> Compared:
    """before, after: output paths of runs of one kind, folders of the service, or statistics.json files. attributions:
    of the model, to sort by what moves it.

    Raises BadInput if there is nothing to compare, BadDocument if a file is damaged.
    """
    return Compared(_side(before), _side(after), shares_at(attributions) if attributions else {})


def main(
    before: str,
    after: str,
    out: TextIO,
    *,
    as_json: bool = False,
    judge: bool = False,
    output: str | None = None,
    attributions: str | None = None,
) -> int:
    """Print what changed; write it as a page if `output` is given. judge: exit with 4 if B violates A's constraints."""
    found = compare(before, after, attributions)
    judged = found.judged() if judge else ()
    results = list(violated(judged))
    unjudged = [each for each in judged if each.status is CheckStatus.NOT_JUDGED and found.after.profile is None]
    unsure = unsure_features(judged)
    if output is not None:
        Report(page_of(found, results)).save(output)
    if as_json:
        plain = found.plain()
        if judge:
            told = [{"feature": each.feature, "check": each.check, "reason": each.reason} for each in unjudged]
            plain |= {"violations": [each.description for each in results], "not_judged": told}
            plain |= {"cannot_tell": [feature.plain() for feature in unsure]}
        out.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
    else:
        out.write(_text(found, results, unjudged, unsure, judge=judge))
    return VIOLATED_STATUS if results else 0


def page_of(found: Compared, results: Sequence[CheckResult] = ()) -> Page:
    """The comparison as a page."""
    broken = {result.feature or result.metric: result for result in results}
    different = [change for change in found.changes if change.kind != "same"]
    cards = tuple(_card(found, change, broken.get(change.name)) for change in different)
    same = tuple(Line((each.name, number_text(each.distance))) for each in found.changes if each.kind == "same")
    sections = []
    if results:
        told = tuple(f"{each.feature}: {each.description}" for each in results)
        sections.append(PageSection("What breaks the constraints", told))
    if cards:
        order = f"the largest {'impact' if found.shares else 'change'} first"
        sections.append(PageSection("Changed", (Cards(cards, ("before", "after")),), note=order))
    if same:
        columns = (Column("feature or metric", is_name=True), Column("distance", is_number=True))
        sections.append(PageSection("The same", (PageTable(columns, same),), note=f"{len(same):,}"))
    text = f"{len(different):,} of {len(found.changes):,} features or metrics changed."
    if results:
        text = f"{len(results):,} violations of the constraints: {text[0].lower()}{text[1:]}"
    first = (
        f"The largest: {short_name(different[0].name)}, {' '.join(_first(different[0])).strip()}." if different else ""
    )
    headline = Headline(text if different else "No change seen.", first, Mark.BAD if results else Mark.NONE)
    facts = (("before", found.before.path), ("after", found.after.path))
    return Page("compare", "Comparison", facts, tuple(sections), headline, html_only=True)


def _card(found: Compared, change: Change, broken: CheckResult | None) -> Card:
    before, after = (side.distributions.get(change.name) for side in (found.before, found.after))
    first, second = (before, after) if before else (after, None)
    picture: Overlay | PointChart | None = overlay_of(first, second, MAX_DOMAIN_SIZE) if first else None
    value = change.changes.get("value")
    if picture is None and value is not None and all(isinstance(each, (int, float)) for each in value):
        top = max(map(abs, value)) or 1.0
        span = (-top if min(value) < 0 else 0.0, top)
        picture = PointChart(change.name, (Point("after", value[1], value[0]),), span, reference_label="before")
    evidence = "" if change.distance is None else f"distance {number_text(change.distance)}"
    hints = (broken.description,) if broken is not None and broken.description else ()
    mark = Mark.BAD if broken is not None else Mark.NONE
    said, by, rest = *_first(change), _words(replace(change, changes=dict(list(change.changes.items())[1:])))
    evidence = "; ".join(part for part in (evidence, rest) if part)
    if where := _where(found, change.name):
        hints = (where, *hints)
    return Card(change.name, said, by, "", picture, hints, None, evidence, (), mark)


def _where(found: Compared, name: str) -> str:
    """The segment of a change, if both runs have segments."""
    if (_distance(*(side.distributions.get(name) for side in (found.before, found.after))) or 0.0) < LEAST_EFFECT:
        return ""
    sides = (side.profile.features if side.profile is not None else () for side in (found.before, found.after))
    before, after = (next((each for each in features if each.name == name), None) for features in sides)
    where, segment = told_of(parts_of(before, after)) if after is not None else ("", None)
    return place_of(
        CheckResult(check=DRIFT, status=CheckStatus.PASSED, threshold=None, where=where or None, segment=segment)
    )


def _first(change: Change) -> tuple[str, str]:
    """The first number that differs, and the difference in readable form."""
    for key, (before, after) in change.changes.items():
        by = moved(before, after)[1] if isinstance(before, (int, float)) and isinstance(after, (int, float)) else ""
        return f"{HEADINGS.get(key, key)} {_shown(before)} → {_shown(after)}", by
    return change.kind, ""


def _side(path: str) -> Side:
    path = path.rstrip("/") or path
    if path.endswith(".json"):
        return _of_statistics(path, path, None)
    run = current_run(path)
    place = run.folder if run else path
    statistics, states = join(place, Statistics.FILE_NAME), join(place, path_of(Profile))
    storage = storage_of(place)
    if storage.exists(states):
        profile = from_parquet(storage.read(states), states)
        return _of_statistics(path, statistics, profile if isinstance(profile, Profile) else None)
    past = read_run(path)
    if past.is_metric.any() or not storage.exists(statistics):
        return _of_metrics(path, past)
    return _of_statistics(path, statistics, None)


def _of_statistics(path: str, file: str, profile: Profile | None) -> Side:
    statistics = Statistics.from_json(storage_of(file).read(file), file)
    rows = {
        str(row["feature"]): row | {"distinct": _at_most(row["distinct"], row["num_present"])}
        for row in as_rows(statistics)
    }
    distributions = from_statistics(statistics)
    if profile is not None:
        distributions |= from_profile(DataQualityMonitor().read(profile))
    return Side(path, statistics.dataset.item_count, rows, distributions, profile, statistics)


def _of_metrics(path: str, run: PastRun) -> Side:
    if not run.names:
        raise BadInput(f"{path}: there is neither a run nor a statistics.json to compare")
    values = run.numbers["value"].tolist()
    rows = {name: {"value": None if math.isnan(values[place]) else values[place]} for name, place in run.places.items()}
    return Side(path, run.rows, rows, {})


def _baseline(path: str) -> Any:
    if not path.endswith(".json"):
        return of_run(path)
    return of_files(join(path.rpartition("/")[0] or ".", "constraints.json"), path)


def _distance(before: FeatureDistribution | None, after: FeatureDistribution | None) -> float | None:
    """The largest gap, without a correction for noise."""
    if before is None or after is None:
        return None
    if before.numbers is not None and after.numbers is not None:
        return compare_numeric(before.numbers, after.numbers, method="Simple").distance
    if before.categories and after.categories:
        return compare_categorical(before.categories, after.categories, method="l_infinity_categorical").distance
    return None


def _rank(change: Change) -> tuple[int, float, float, str]:
    order = ("added", "removed", "changed", "same")
    return order.index(change.kind), -(change.impact or 0.0), -(change.distance or 0.0), change.name


def _text(
    found: Compared,
    violations: Sequence[CheckResult],
    unjudged: Sequence[CheckResult],
    unsure: Sequence[FeatureOutcome],
    *,
    judge: bool,
) -> str:
    different = [change for change in found.changes if change.kind != "same"]
    counts = f"{found.before.item_count or 0:,} rows before, {found.after.item_count or 0:,} after"
    text = f"{counts}; {len(different):,} of {len(found.changes):,} features or metrics differ\n"
    if different:
        rows = [
            [
                change.name,
                change.kind,
                _rounded(change.distance),
                "; ".join(filter(None, (_where(found, change.name), _words(change)))),
            ]
            for change in different
        ]
        text += "\n" + text_table(["name", "change", "distance", "what"], rows, width=160)
    if judge:
        told = [f"  {printable(f'{each.feature}: {each.description}')}\n" for each in violations]
        text += f"\n{len(violations):,} violations of the constraints of {printable(found.before.path)}\n" + "".join(
            told
        )
    if unsure:
        lines = (f"{feature.name}: {feature.reason}; to find out: {feature.advice}" for feature in unsure)
        text += f"\n{len(unsure):,} of which nobody can tell\n" + "".join(f"  {printable(line)}\n" for line in lines)
    if judge and found.after.profile is None:
        told = [f"  {printable(f'{each.feature}: {each.check}: {each.reason}')}\n" for each in unjudged]
        text += f"\n{len(unjudged):,} checks not judged; those of the guard need a run's states\n" + "".join(told)
    return text


NO_KINDS = "statistics.json doesn't say how many values are of the baseline's type; name a run, which has states"


def _as_documents_tell(result: CheckResult) -> CheckResult:
    """The result for a window known only by its statistics.json, which has one type for all values of a feature."""
    unknown = {"status": CheckStatus.NOT_JUDGED, "observed": None, "description": None, "reason": NO_KINDS}
    is_told = result.check != "data_type_check" or not result.is_violation
    return result if is_told else result.model_copy(update=unknown)


def _words(change: Change) -> str:
    told = [
        f"{HEADINGS.get(key, key)} {_shown(before)} → {_shown(after)}"
        for key, (before, after) in change.changes.items()
    ]
    return "; ".join(told)


def _shown(value: Number) -> str:
    return value if isinstance(value, str) else number_text(value)


def _rounded(distance: float | None) -> float | None:
    return None if distance is None else round(distance, 4)


def _at_most(distinct: Number, present: Number) -> Number:
    """An estimate of distinct values, limited to the number of values."""
    return distinct if distinct is None or present is None else min(distinct, present)
