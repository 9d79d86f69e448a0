"""Hints: what looks wrong with a data set but violates no constraint; each a registered function. Pure.

A rule takes `ObservedData`, and yields columns and a sentence only if it is nearly certain. Sentences are about counts, never
about a value. `evaluation.collect_hints` runs all rules; a new file in this folder is discovered automatically. The service has
no hints, so there are none with `--compat service`.

layout.py: headers and shifted columns.
not_numbers.py: cells that are no numbers. repeated_files.py: files that came twice. swapped_columns.py: columns in each
other's place. value_forms.py: numbers written as texts, dates, fillers, what follows the hour, and what names groups.

Source: M16.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property

from spark_model_monitor.documents.page import list_names
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison, WindowComparison
from spark_model_monitor.monitors.protocol import ColumnLayout
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.value_class import value_class

MAX_LISTED_NAMES = 5  # columns that a sentence names; the rest are counted
MIN_VALUES = 5  # a column with fewer values gets no hint


@value_class(slots=False)
class ObservedData:
    """What a run knows of its data.

    comparison: the comparison with a baseline; None without a baseline. changed_features: those with a violation.
    """

    profile: Profile
    layout: ColumnLayout
    comparison: WindowComparison | None = None
    changed_features: Collection[str | None] = ()

    def is_text_in_baseline(self, feature: FeatureProfile) -> bool:
        """Whether it is a text in the baseline, whose own run has reported what is odd about it."""
        return self.expected_types.get(feature.name) is InferredType.STRING

    @property
    def features(self) -> tuple[FeatureProfile, ...]:
        return self.profile.features

    @property
    def compared_features(self) -> tuple[FeatureComparison, ...]:
        """The features, each in the baseline and in the window; empty without a baseline."""
        if self.comparison is None:
            return ()
        return self.comparison.features

    @cached_property
    def baseline_features(self) -> Mapping[str, FeatureProfile]:
        """The baseline's states by feature, as far as they are known."""
        return {
            feature.name: feature.baseline_profile
            for feature in self.compared_features
            if feature.baseline_profile is not None
        }

    @cached_property
    def expected_types(self) -> dict[str, InferredType]:
        """The types of the features in the baseline; empty without a baseline."""
        return {feature.name: feature.constraints.inferred_type for feature in self.compared_features}


HintSentences = Iterator[tuple[Iterable[str], str]]  # the columns of a hint, and its sentence
Rule = Callable[[ObservedData], HintSentences]

HINTS: Registry[Rule] = Registry("hint")


def register_hint(name: str) -> Callable[[Rule], Rule]:
    """Decorator that enters a rule of hints."""
    return HINTS.register(name)


def list_quoted(names: Iterable[str]) -> str:
    """The first few names of columns or files, in quotes."""
    return list_names([*map(repr, names)], MAX_LISTED_NAMES)


def list_columns(counts: Mapping[str, tuple[int, int]]) -> str:
    """The first few columns with the number of affected values: `'a' (3 of 4), 'b' (5 of 5)`."""
    return list_names(
        [f"{name!r} ({count:,} of {total:,})" for name, (count, total) in counts.items()], MAX_LISTED_NAMES
    )
