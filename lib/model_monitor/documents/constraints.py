"""constraints.json of the data-quality jobs: what each feature has to fulfil, and how it is monitored.

The models mirror the file, old names and places included, so that it is written back as it was. What they mean
together is `Constraints.monitoring_of(feature)`: one `MonitoringSettings` without gaps. Model-quality constraints are
another document. Driver only, pure.

Old layouts (C4.2): `enable_comparisons` and `min_domain_mass` of 2019, the guide's `comparion_method` and
`monitoringConfigOverrides`, overrides inside `string_constraints`, `linf_simple` and `linf_robust`, and no
`monitoring_config` at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.statistics import InferredType, no_such_feature
from model_monitor.documents.values import DataText, Flag, Name, Number, Share, Threshold
from model_monitor.errors import BadDocument


class Switch(Enum):
    """On or off, as the files spell it."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"

    @property
    def is_on(self) -> bool:
        return self is Switch.ENABLED

    @classmethod
    def of(cls, on: bool) -> Switch:
        return cls.ENABLED if on else cls.DISABLED


class ComparisonMethod(Enum):
    """How two distributions of numbers are compared; LINF_SIMPLE and LINF_ROBUST are the guide's other names."""

    SIMPLE = "Simple"
    ROBUST = "Robust"
    LINF_SIMPLE = "linf_simple"
    LINF_ROBUST = "linf_robust"

    @property
    def canonical(self) -> ComparisonMethod:
        """The method by its first name: SIMPLE for LINF_SIMPLE, ROBUST for LINF_ROBUST."""
        return {self.LINF_SIMPLE: ComparisonMethod.SIMPLE, self.LINF_ROBUST: ComparisonMethod.ROBUST}.get(self, self)


class CategoricalDriftMethod(Enum):
    """How two distributions of categories are compared."""

    L_INFINITY = "LInfinity"
    CHI_SQUARED = "ChiSquared"


class DistributionConstraints(Section):
    """Drift of one feature's distribution; the last three members are old ones, read and kept."""

    perform_comparison: Switch | None = None
    comparison_threshold: Threshold | None = None
    comparison_method: ComparisonMethod | None = None
    categorical_comparison_threshold: Threshold | None = None
    categorical_drift_method: CategoricalDriftMethod | None = None
    enable_comparisons: Flag | None = None
    min_domain_mass: Share | None = None
    comparion_method: ComparisonMethod | None = None


class MonitoringConfig(Section):
    """Settings as a file has them, for all features or as overrides of one; an absent member is not set here.

    non_negative_check: ours; the service has none.
    """

    evaluate_constraints: Switch | None = None
    emit_metrics: Switch | None = None
    datatype_check_threshold: Share | None = None
    domain_content_threshold: Share | None = None
    distribution_constraints: DistributionConstraints | None = None
    non_negative_check: Switch | None = None


class NumConstraints(Section):
    """is_non_negative: the baseline's minimum was 0 or more."""

    is_non_negative: Flag | None = None


class StringConstraints(Section):
    """domains: the values seen, where they were few. The overrides belong to the feature; old SDKs wrote them here."""

    domains: tuple[DataText, ...] | None = None
    monitoring_config_overrides: MonitoringConfig | None = None
    monitoringConfigOverrides: MonitoringConfig | None = None  # noqa: N815 - the guide's spelling


class FeatureConstraints(Section):
    """One feature. completeness: the share of values that has to be present; None: not checked."""

    name: Name
    inferred_type: InferredType
    completeness: Share | None = None
    num_constraints: NumConstraints | None = None
    string_constraints: StringConstraints | None = None
    monitoring_config_overrides: MonitoringConfig | None = None
    monitoringConfigOverrides: MonitoringConfig | None = None  # noqa: N815 - the guide's spelling

    @property
    def domains(self) -> tuple[str, ...] | None:
        """The values that the feature may have; None: not checked."""
        return self.string_constraints.domains if self.string_constraints else None

    @property
    def overrides(self) -> tuple[MonitoringConfig, ...]:
        """The feature's own settings from every place they may stand in; a later one wins.

        The feature's own member wins over the one in `string_constraints`, which only old SDKs wrote, and in each place
        the SDK's spelling wins over the guide's.
        """
        places = (self.string_constraints, self)
        found = [p and (p.monitoringConfigOverrides, p.monitoring_config_overrides) for p in places]
        return tuple(config for pair in found if pair for config in pair if config is not None)


@dataclass(frozen=True)
class MonitoringSettings:
    """How one feature is monitored, nothing left open; the defaults are what the service suggests.

    Parameters
    ----------
    evaluate_constraints : bool, default True
        Whether anything is checked at all.
    emit_metrics : bool, default True
        Whether numbers are published.
    datatype_check_threshold : float, default 1.0
        The least share (0 to 1) of the present values that have the baseline's type.
    domain_content_threshold : float, default 1.0
        The least share (0 to 1) of the present values that are in the baseline's domain.
    perform_comparison : bool, default True
        Whether distributions are compared.
    comparison_threshold : float, default 0.1
        The largest distance of a number's distribution.
    comparison_method : ComparisonMethod
        SIMPLE or ROBUST, never one of their other names.
    categorical_comparison_threshold : float, default 0.1
        The largest distance of a text's distribution.
    categorical_drift_method : CategoricalDriftMethod
        How the distributions of texts are compared.
    non_negative_check : bool, default False
        Ours: whether `is_non_negative` is evaluated, which the service only suggests (C11.5).

    Examples
    --------
    >>> from model_monitor import MonitoringSettings
    >>> MonitoringSettings(domain_content_threshold=0.99).domain_content_threshold
    0.99

    Notes
    -----
    Source: C4.2, golden/README.md rule 12.
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: ComparisonMethod = ComparisonMethod.ROBUST
    categorical_comparison_threshold: float = 0.1
    categorical_drift_method: CategoricalDriftMethod = CategoricalDriftMethod.L_INFINITY
    non_negative_check: bool = False

    def as_config(self) -> MonitoringConfig:
        """The settings as the newest containers write them, every member present; ours only where it was switched on."""
        return MonitoringConfig(
            evaluate_constraints=Switch.of(self.evaluate_constraints),
            emit_metrics=Switch.of(self.emit_metrics),
            datatype_check_threshold=self.datatype_check_threshold,
            domain_content_threshold=self.domain_content_threshold,
            distribution_constraints=DistributionConstraints(
                perform_comparison=Switch.of(self.perform_comparison),
                comparison_threshold=self.comparison_threshold,
                comparison_method=self.comparison_method,
                categorical_comparison_threshold=self.categorical_comparison_threshold,
                categorical_drift_method=self.categorical_drift_method,
            ),
            non_negative_check=Switch.ENABLED if self.non_negative_check else None,
        )


class Constraints(Document):
    """constraints.json of a data-quality job; features in the order of the data's columns."""

    FILE_NAME: ClassVar[str] = "constraints.json"
    MEANT: ClassVar[str] = "constraints.json of a data-quality baseline"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "dataset": "a statistics.json",
        "violations": "a constraint_violations.json",
        "binary_classification_constraints": "the constraints.json of a model-quality job",
        "multiclass_classification_constraints": "the constraints.json of a model-quality job",
        "regression_constraints": "the constraints.json of a model-quality job",
        "pre_training_bias_metrics": "the analysis.json of a bias job",
        "post_training_bias_metrics": "the analysis.json of a bias job",
        "explanations": "the analysis.json of an explainability job",
    }

    version: Number = Field(default=0.0)
    features: tuple[FeatureConstraints, ...]
    monitoring_config: MonitoringConfig | None = None

    def feature(self, name: str) -> FeatureConstraints:
        """The constraints of the feature called `name`.

        Raises BadDocument with the nearest names if there is none.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise BadDocument(no_such_feature(self.FILE_NAME, name, [feature.name for feature in self.features]))

    @property
    def monitoring(self) -> MonitoringSettings:
        """The settings of the whole file; for a member that it does not have, the default."""
        return _settings([self.monitoring_config])

    def monitoring_of(self, feature: str) -> MonitoringSettings:
        """The settings in force for one feature: its overrides over the file's over the defaults.

        Constraints switched off for the whole file stay off for every feature.

        Raises BadDocument if there is no such feature.
        Source: C4.2.
        """
        return _settings([self.monitoring_config, *self.feature(feature).overrides])


def _settings(configs: Iterable[MonitoringConfig | None]) -> MonitoringSettings:
    """The whole file's config first, then overrides; a later one wins."""
    known: dict[str, Any] = {}
    switched_off = False
    for index, config in enumerate(configs):
        if config is not None:
            known |= _set_in(config)
            switched_off |= index == 0 and config.evaluate_constraints is Switch.DISABLED
    if "comparison_threshold" in known:  # it is the default of the categorical one
        known.setdefault("categorical_comparison_threshold", known["comparison_threshold"])
    if switched_off:
        known["evaluate_constraints"] = False
    return MonitoringSettings(**known)


def _set_in(config: MonitoringConfig) -> dict[str, Any]:
    """The settings that `config` sets, by their names in MonitoringSettings; today's name wins over an old one."""
    drift = config.distribution_constraints or DistributionConstraints()
    method = drift.comparison_method or drift.comparion_method
    settings = {
        "evaluate_constraints": config.evaluate_constraints and config.evaluate_constraints.is_on,
        "emit_metrics": config.emit_metrics and config.emit_metrics.is_on,
        "datatype_check_threshold": config.datatype_check_threshold,
        "domain_content_threshold": _first(config.domain_content_threshold, drift.min_domain_mass),
        "perform_comparison": drift.perform_comparison.is_on if drift.perform_comparison else drift.enable_comparisons,
        "comparison_threshold": drift.comparison_threshold,
        "comparison_method": method and method.canonical,
        "categorical_comparison_threshold": drift.categorical_comparison_threshold,
        "categorical_drift_method": drift.categorical_drift_method,
        "non_negative_check": config.non_negative_check and config.non_negative_check.is_on,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
