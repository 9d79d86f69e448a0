"""How data quality is monitored: the settings in constraints.json, and `MonitoringSettings`, which interprets them.

The file has settings for all features or for one feature. Old layouts are read, too (C4.2a, C11.27, C11.33):
`enable_comparisons`, `compare_simple_distance` and `min_domain_mass` of 2019, the guide's `comparion_method`, `linf_simple`
and `linf_robust`. Driver only, pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from numbers import Real
from typing import Annotated

from pydantic import Field, Strict

from spark_model_monitor.arguments import require_instance, require_share
from spark_model_monitor.documents.document import (
    Chance,
    Expected,
    Flag,
    Name,
    Section,
    Share,
    Threshold,
    is_suggested,
    require_name_in,
)
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.drift import CATEGORICAL_METHODS, DISTANCES, NUMERIC_METHODS
from spark_model_monitor.statistics.drift.distances import Distance
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class

OTHER_NAMES = {"linf_simple": "Simple", "linf_robust": "Robust"}
"""By the guide's other names of the service's methods, the names used here (C4.2)."""

COMPARISON_METHODS = {**{name: name for name in NUMERIC_METHODS}, **OTHER_NAMES}
"""By spelling of a `comparison_method`, the name used here."""

CATEGORICAL_DRIFT_METHODS = {name: name for name in CATEGORICAL_METHODS}
"""By spelling of a `categorical_drift_method`, the name used here."""


class Switch(Enum):
    """On or off, in the spelling of the files."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"

    @property
    def is_on(self) -> bool:
        return self is Switch.ENABLED


class Verdicts(Enum):
    """Whether verdicts allow for chance: CALIBRATED or NONE."""

    CALIBRATED = "calibrated"
    NONE = "none"


class Rows(Enum):
    """Whether rows of a window are independent. CLUSTERED: some rows belong together, like the rows of one user."""

    CLUSTERED = "clustered"
    INDEPENDENT = "independent"


LIMIT_NAMES = (
    "completeness",
    "datatype_check_threshold",
    "domain_content_threshold",
    "comparison_threshold",
    "categorical_comparison_threshold",
)
"""The limits that a baseline suggests, by their names in the file."""

LimitName = Annotated[str, Strict(), require_name_in(LIMIT_NAMES), Expected.one_of(LIMIT_NAMES)]

# The reference with which a window is compared
REFERENCE = r"^(baseline|previous(:[1-9][0-9]{0,2})?|seasonal:[1-9][0-9]{0,3})$"

ComparisonMethod = Annotated[str, Strict(), require_name_in(COMPARISON_METHODS), Expected.one_of(COMPARISON_METHODS)]
"""The method that compares two numeric distributions."""

CategoricalDriftMethod = Annotated[
    str, Strict(), require_name_in(CATEGORICAL_DRIFT_METHODS), Expected.one_of(CATEGORICAL_DRIFT_METHODS)
]
"""The method that compares two distributions of categories."""


class Comparator(Section):
    """A distance with its threshold, like TFDV's skew comparators; the service has none. against: the reference."""

    against: Annotated[
        str,
        Strict(),
        Field(pattern=REFERENCE),
        Expected(
            '"baseline", "previous", "previous:8" (the 8 windows before) or "seasonal:24" (each 24th window before)'
        ),
    ]
    distance: Annotated[str, Strict(), require_name_in(tuple(DISTANCES)), Expected.one_of(tuple(DISTANCES))]
    threshold: Threshold


class DistributionConstraints(Section):
    """Drift of one feature's distribution. The members from `enable_comparisons` on are old; they are read and kept.

    reason, comparators: not in the service: why the baseline suggests no comparison; distances that replace the others.
    """

    perform_comparison: Switch | None = None
    reason: Name | None = None
    comparison_threshold: Threshold | None = None
    comparison_method: ComparisonMethod | None = None
    categorical_comparison_threshold: Threshold | None = None
    categorical_drift_method: CategoricalDriftMethod | None = None
    comparators: tuple[Comparator, ...] | None = None
    enable_comparisons: Flag | None = None
    compare_simple_distance: Flag | None = None
    min_domain_mass: Share | None = None
    domain_content_threshold: Share | None = None
    datatype_check_threshold: Share | None = None
    comparion_method: ComparisonMethod | None = None


class ChangeThatMatters(Section):
    """The smallest change that a window must be able to show; if it can't, the outcome of a feature is `cannot tell`. Not in
    the service.

    missing: change of the share of missing values.
    standard_deviations: shift of numbers, in standard deviations.
    value: change of the share of rows that have one value of a text or a boolean.
    """

    missing: Share = 0.12
    standard_deviations: Threshold = 0.5
    value: Share = 0.3

    def missing_values(self, share: float) -> float:
        """The change of the share of missing values that matters: `missing`, or `standard_deviations` · √(s (1 - s)) for a
        baseline's share s, if that is more.
        """
        return max(self.missing, self.standard_deviations * math.sqrt(share * (1 - share)))

    def shift(self, present: float) -> float:
        """The shift that matters, in standard deviations of the values. present: the share of rows that have a value.

        It corresponds to `standard_deviations` of the whole column, in which a missing value counts as the mean.
        """
        if present:
            return self.standard_deviations / math.sqrt(present)
        return math.inf

    def share(self, present: float) -> float:
        """The change of a value's share of the present values that matters."""
        if present:
            return self.value / present
        return math.inf


class MonitoringConfig(Section):
    """The settings in a file, for all features or as overrides for one feature; an absent member is not set there.

    The service has neither non_negative_check nor the members after it. requested_limits: the limits that a person
    requested, whatever their values; None in files of the service.
    """

    evaluate_constraints: Switch | None = None
    emit_metrics: Switch | None = None
    datatype_check_threshold: Share | None = None
    domain_content_threshold: Share | None = None
    distribution_constraints: DistributionConstraints | None = None
    non_negative_check: Switch | None = None
    verdicts: Verdicts | None = None
    false_alarm_budget: Chance | None = None
    rows: Rows | None = None
    segments: tuple[Name, ...] | None = None
    group_column: Name | None = None
    requested_limits: tuple[LimitName, ...] | None = None
    change_that_matters: ChangeThatMatters | None = None


PLAIN_DISTANCE = "Simple"
"""The method, for numbers and for texts, whose distance has no margin for noise; it is used if only a limit is given."""


@value_class
class _Kind:
    """The settings for features of one kind: names of the members that set method and threshold, the suggested method,
    all methods.
    """

    features: str
    method: str
    threshold: str
    suggested_method: str
    methods: Registry[Distance]

    def is_ours(self, method: str) -> bool:
        """Whether the method isn't the service's, and therefore has a scale of its own."""
        return self.methods.get(method).facts["service"] is None


SUGGESTED_SHARE = 1.0
"""The limit that a baseline suggests for the share of values of its type, and of its domain (C11.1)."""

_NUMBERS = _Kind("numbers", "comparison_method", "comparison_threshold", "Robust", NUMERIC_METHODS)
_TEXTS = _Kind(
    "texts", "categorical_drift_method", "categorical_comparison_threshold", "LInfinity", CATEGORICAL_METHODS
)
_KINDS = (_NUMBERS, _TEXTS)


@dataclass(frozen=True)
class MonitoringSettings:
    """How one feature is monitored, with every setting filled in; the defaults are the service's suggestions.

    Parameters
    ----------
    evaluate_constraints : bool, default True
        Whether anything is checked at all.
    emit_metrics : bool, default True
        Whether metrics are published.
    datatype_check_threshold : float, optional
        Minimum share (0 to 1) of the present values that have the baseline's type; by default 1.
    domain_content_threshold : float, optional
        Minimum share (0 to 1) of the present values that are in the baseline's domain; by default 1.
    perform_comparison : bool, default True
        Whether distributions are compared.
    comparison_threshold : float, optional
        Maximum distance of a numeric distribution; by default the method's usual threshold.
    comparison_method : str, optional
        Distance for numbers, one of docs/drift.md. By default "Robust"; "Simple" if you give its threshold.
    categorical_comparison_threshold : float, optional
        Maximum distance of a text distribution; by default the method's usual threshold.
    categorical_drift_method : str, optional
        Distance for texts, one of docs/drift.md. By default "LInfinity"; "Simple" if you give its threshold.
    non_negative_check : bool, default False
        Ours: whether `is_non_negative` is evaluated; the service only suggests it (C11.5).
    verdicts : {"calibrated", "none"}
        Ours: whether suggested limits and drift allow for chance (D4.6).
    false_alarm_budget : float, default 1/720
        Share (0 to 1) of healthy runs that may have any violation, if limits and drift allow for chance.
    rows : {"clustered", "independent"}
        Whether rows are independent of each other; if so, p-values of drift count.
    left_out : str, optional
        The reason why distributions are not compared, if a baseline suggested so.
    comparators : tuple of Comparator, optional
        Ours: distances that replace the ones above, each with its own threshold.
    segments : tuple of str, optional
        Ours: how rows are cut into segments: `plan` by value, `age:30:50` by range, `ordered:hour` by hour of the day,
        `plan*age:40` by both. Drift is also judged in each segment.
    group_column : str, optional
        Ours: the column that groups rows of a window that belong together, such as the user's id: its groups count, not its
        rows. By default estimated from neighbouring rows.
    requested_limits : tuple of str, optional
        Ours: the limits that decide alone even if their value is the suggested one. By default those that you give here.
    change_that_matters : ChangeThatMatters, optional
        Ours: the change that a window must be able to show. If it can't, the outcome is `cannot tell`.

    Raises
    ------
    BadConfiguration
        If a method or word is unknown, a budget or a share of values is not a share, or a threshold of drift is below 0.

    Examples
    --------
    >>> from spark_model_monitor import MonitoringSettings
    >>> MonitoringSettings(domain_content_threshold=0.99).domain_content_threshold
    0.99

    Notes
    -----
    Source: C4.2, G12.
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = None  # type: ignore[assignment]  # never None afterwards
    domain_content_threshold: float = None  # type: ignore[assignment]  # likewise
    perform_comparison: bool = True
    comparison_threshold: float = None  # type: ignore[assignment]  # likewise
    comparison_method: str = None  # type: ignore[assignment]  # likewise
    categorical_comparison_threshold: float = None  # type: ignore[assignment]  # likewise
    categorical_drift_method: str = None  # type: ignore[assignment]  # likewise
    non_negative_check: bool = False
    verdicts: Verdicts | str = Verdicts.CALIBRATED
    false_alarm_budget: float = BUDGET
    rows: Rows | str = Rows.CLUSTERED
    left_out: str | None = None
    comparators: tuple[Comparator, ...] | None = None
    segments: tuple[str, ...] = ()
    group_column: str | None = None
    requested_limits: tuple[str, ...] = None  # type: ignore[assignment]  # likewise
    change_that_matters: ChangeThatMatters = field(default_factory=ChangeThatMatters)

    @property
    def is_calibrated(self) -> bool:
        return self.verdicts is Verdicts.CALIBRATED

    @property
    def rows_are_independent(self) -> bool:
        return self.rows is Rows.INDEPENDENT

    def is_drift_requested(self, *, of_numbers: bool) -> bool:
        """Whether a person requested how drift is judged: by comparators, another method or limit, or by confirming the
        suggested limit.
        """
        kind = _NUMBERS if of_numbers else _TEXTS
        if self.comparators is not None or getattr(self, kind.method) != kind.suggested_method:
            return True
        # A limit that equals the suggested one counts as requested only if the file says so
        suggested_limit = kind.methods.get(kind.suggested_method).facts["threshold"]
        limit = getattr(self, kind.threshold)
        return not is_suggested(kind.threshold, limit, [suggested_limit], self.requested_limits)

    def __post_init__(self) -> None:
        # Convert words of the file into members of their enumerations
        for name, words in (("verdicts", Verdicts), ("rows", Rows)):
            try:
                self._set(name, words(getattr(self, name)))
            except ValueError:
                allowed = ", ".join(json.dumps(word.value) for word in words)
                raise BadConfiguration(f"{name} is {getattr(self, name)!r}; write one of: {allowed}") from None
        # Limits that a person gave decide alone, even if they equal the suggested ones
        if not self.is_calibrated:  # then every limit applies as written
            self._set("requested_limits", ())
        elif self.requested_limits is None:
            self._set("requested_limits", tuple(name for name in LIMIT_NAMES if getattr(self, name, None) is not None))
        # Limits for shares of values
        for name in ("datatype_check_threshold", "domain_content_threshold"):
            if getattr(self, name) is None:
                self._set(name, SUGGESTED_SHARE)
            require_share(name, getattr(self, name))
        if not 0 < self.false_alarm_budget < 1:
            raise BadConfiguration(
                f"false_alarm_budget is {self.false_alarm_budget!r}; write a share above 0 and below 1"
            )
        for kind in _KINDS:
            self._set_drift(kind)

    def _set_drift(self, kind: _Kind) -> None:
        """Complete and check the method and the threshold for one kind of features."""
        name = getattr(self, kind.method)
        threshold = getattr(self, kind.threshold)
        if name is None:
            name = kind.suggested_method
            # If a limit is given without a method, the distance itself is meant, without a margin for noise
            if threshold is not None and self.is_calibrated:
                name = PLAIN_DISTANCE
        # Without a threshold, the method's own is used, because each method has its own scale
        method = kind.methods.get(OTHER_NAMES.get(name, name))
        self._set(kind.method, method.name)
        if threshold is None:
            threshold = method.facts["threshold"]
            self._set(kind.threshold, threshold)
        require_instance(kind.threshold, threshold, Real, "a number, 0 or more")
        # Written in this form, the condition refuses NaN, too
        if not threshold >= 0:
            raise BadConfiguration(f"{kind.threshold} is {threshold!r}; write a number, 0 or more")

    def _set(self, name: str, value: float | str | Enum | tuple[str, ...]) -> None:
        object.__setattr__(self, name, value)

    def as_config(self) -> MonitoringConfig:
        """All settings in the form that the newest containers write; settings that the service doesn't have are included
        only if they are used.
        """
        # Members that the service doesn't have are written only if they have an effect
        unused: set[str] = set()
        if not self.non_negative_check:
            unused.add("non_negative_check")
        if not self.is_calibrated:
            unused |= {"verdicts", "false_alarm_budget", "rows", "requested_limits", "change_that_matters"}
        if not self.segments:
            unused.add("segments")
        members: dict[str, Json] = {}
        for name, value in vars(self).items():
            if isinstance(value, bool):
                value = Switch.ENABLED if value else Switch.DISABLED
            if name not in unused:
                members[name] = value
        drift_members = {name: members[name] for name in _DRIFT_MEMBERS}
        config_members = {name: members[name] for name in _CONFIG_MEMBERS if name in members}
        return MonitoringConfig(distribution_constraints=DistributionConstraints(**drift_members), **config_members)


_SETTINGS = MonitoringSettings.__dataclass_fields__.keys()
_CONFIG_MEMBERS = [name for name in MonitoringConfig.model_fields if name in _SETTINGS]
# Limits that were in the inner section in 2019 now belong to the outer one
_DRIFT_MEMBERS = [name for name in DistributionConstraints.model_fields if name in _SETTINGS - set(_CONFIG_MEMBERS)]
"""The names of the settings in each section of the file."""


def find_unused_overrides(inferred_type: InferredType, drift: DistributionConstraints | None) -> Iterator[str]:
    if drift is None or not (inferred_type.is_numeric or inferred_type is InferredType.STRING):
        return
    # Find the other kind of features, whose settings have no effect here
    if inferred_type.is_numeric:
        feature_kind = _NUMBERS
        other_kind = _TEXTS
    else:
        feature_kind = _TEXTS
        other_kind = _NUMBERS
    # The methods that the file sets, if any
    methods = _read_methods(drift)
    # Only methods that the service doesn't have are restricted to one kind; the service's may be used for both
    if other_kind in methods and feature_kind not in methods and other_kind.is_ours(methods[other_kind]):
        yield (
            f"{other_kind.method} is {json.dumps(methods[other_kind])}, which compares {other_kind.features}, and the feature is "
            f"{inferred_type.value}; write {feature_kind.method}, one of {', '.join(map(json.dumps, feature_kind.methods))}"
        )


def resolve_settings(configs: Iterable[MonitoringConfig | None]) -> MonitoringSettings:
    """The settings from the config of the whole file and then from overrides. Later ones have priority; requested limits
    add up.
    """
    # Later settings replace earlier ones, but requested limits are collected
    members: dict[str, Json] = {}
    requested_limits: dict[str, None] = {}
    switched_off = False
    for index, config in enumerate(configs):
        if config is not None:
            members = _merge_settings(members, _read_settings(config))
            requested_limits |= dict.fromkeys(config.requested_limits or ())
            switched_off |= index == 0 and config.evaluate_constraints is Switch.DISABLED
    # The service has one threshold for both kinds of features, unless the file has two
    methods = {kind.method: _select_method(kind, members) for kind in _KINDS}
    is_of_service = not any(kind.is_ours(methods[kind.method]) for kind in _KINDS)
    if is_of_service and "comparison_threshold" in members:  # it is the default of the categorical threshold
        members.setdefault("categorical_comparison_threshold", members["comparison_threshold"])
    # If checks are switched off for the whole file, they are off for every feature
    if switched_off:
        members["evaluate_constraints"] = False
    members |= methods
    members["requested_limits"] = tuple(requested_limits)
    members.setdefault("verdicts", Verdicts.NONE)  # if the member is absent, limits apply as written
    return MonitoringSettings(**members)


def _merge_settings(earlier: Mapping[str, Json], later: Mapping[str, Json]) -> dict[str, Json]:
    """The earlier settings, overridden by the later ones.

    A threshold is kept if one method of the service replaces another, as in the service. It is dropped if a method of this
    package is chosen or replaced, because such a method has another scale.
    """
    # With another scale, the earlier threshold doesn't apply to the later distance
    merged = dict(earlier)
    for kind in _KINDS:
        before = _select_method(kind, earlier)
        after = _select_method(kind, {**earlier, **later})
        if before != after and (kind.is_ours(before) or kind.is_ours(after)):
            merged.pop(kind.threshold, None)
    return merged | dict(later)


def _select_method(kind: _Kind, settings: Mapping[str, Json]) -> str:
    return str(settings.get(kind.method, kind.suggested_method))


def _read_methods(drift: DistributionConstraints) -> dict[_Kind, str]:
    """The methods that a file sets; a member's current name has priority over its old name."""
    numeric_method = drift.comparison_method or drift.comparion_method
    if numeric_method is None and drift.compare_simple_distance is not None:
        # This member of 2019 chooses between the distance without and with a margin for noise
        numeric_method = PLAIN_DISTANCE if drift.compare_simple_distance else "Robust"
    methods = {_NUMBERS: numeric_method, _TEXTS: drift.categorical_drift_method}
    return {kind: OTHER_NAMES.get(method, method) for kind, method in methods.items() if method is not None}


def _read_settings(config: MonitoringConfig) -> dict[str, Json]:
    """The settings in `config`, by their names in MonitoringSettings; a current name has priority over an old one."""
    drift = config.distribution_constraints or DistributionConstraints()
    # Old names come first, so that current ones override them. In 2019, limits were in the section of drift
    settings: dict[str, Json] = {
        "domain_content_threshold": drift.min_domain_mass,
        "perform_comparison": drift.enable_comparisons,
        "left_out": drift.reason,
    }
    settings |= _select_present(drift, ("datatype_check_threshold", "domain_content_threshold"))
    settings |= _select_present(drift, _DRIFT_MEMBERS)
    settings |= _select_present(config, _CONFIG_MEMBERS)
    settings |= {kind.method: method for kind, method in _read_methods(drift).items()}
    # None means that the file doesn't set it, so that the earlier setting stays
    present_settings: dict[str, Json] = {}
    for name, value in settings.items():
        if isinstance(value, Switch):
            value = value.is_on
        if value is not None:
            present_settings[name] = value
    return present_settings


def _select_present(section: Section, names: Iterable[str]) -> dict[str, Json]:
    members = section.__dict__
    return {name: members[name] for name in names if members[name] is not None}
