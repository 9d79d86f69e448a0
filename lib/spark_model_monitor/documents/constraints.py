"""constraints.json of the data-quality jobs: the constraints of each feature, and how it is monitored.

The models mirror the file, including old names and places, so that a file is written back unchanged.
`Constraints.settings_for(feature)` interprets them: one `MonitoringSettings` without gaps. Model-quality constraints
are another document. Driver only, pure.

Old layouts (C11.27, C11.33): the guide's `monitoringConfigOverrides`, overrides inside `string_constraints`, and no
`monitoring_config` at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from spark_model_monitor.documents.document import DataText, Document, Flag, Name, Number, Section, Share
from spark_model_monitor.documents.monitoring_settings import (
    DistributionConstraints,
    MonitoringConfig,
    MonitoringSettings,
    Switch,
    find_unused_overrides,
    resolve_settings,
)
from spark_model_monitor.documents.rules_file import DataSetExpectations, Expectations, FeatureRules
from spark_model_monitor.documents.statistics import InferredType, find_feature


class FeatureRole(Enum):
    """The role of a feature that is not an input of the model."""

    PREDICTION = "prediction"


class NumConstraints(Section):
    """is_non_negative: the baseline's minimum was 0 or more."""

    is_non_negative: Flag | None = None


class StringConstraints(Section):
    """domains: the distinct values, if there were few. The overrides are the feature's; old SDKs wrote them here."""

    domains: tuple[DataText, ...] | None = None
    monitoring_config_overrides: MonitoringConfig | None = None
    monitoringConfigOverrides: MonitoringConfig | None = None  # noqa: N815 - the guide's spelling


class FeatureConstraints(Section):
    """One feature.

    completeness: the minimum share of present values; None: not checked.
    role: None for an input. Ours.
    always_new: why later values are new by nature, as those of keys are: their domain is not judged, nor their drift by
        default. Ours.
    """

    name: Name
    inferred_type: InferredType
    completeness: Share | None = None
    num_constraints: NumConstraints | None = None
    string_constraints: StringConstraints | None = None
    monitoring_config_overrides: MonitoringConfig | None = None
    monitoringConfigOverrides: MonitoringConfig | None = None  # noqa: N815 - the guide's spelling
    role: FeatureRole | None = None
    always_new: Name | None = None
    expectations: FeatureRules | None = None

    @property
    def domains(self) -> tuple[str, ...] | None:
        """The allowed values; None: not checked."""
        if self.always_new is not None or self.string_constraints is None:
            return None
        return self.string_constraints.domains

    @property
    def overrides(self) -> dict[str, MonitoringConfig]:
        """The feature's own settings by their place in the file; a later one wins.

        The feature's own member wins over the one in `string_constraints`, which only old SDKs wrote; in each place,
        the SDK's spelling wins over the guide's.
        """
        if not (self.string_constraints or self.monitoring_config_overrides or self.monitoringConfigOverrides):
            return {}
        # In ascending order of priority: a later entry replaces an earlier one
        sections = (("string_constraints.", self.string_constraints), ("", self))
        spellings = ("monitoringConfigOverrides", "monitoring_config_overrides")
        config_by_path = {
            f"{prefix}{name}": getattr(section, name, None) for prefix, section in sections for name in spellings
        }
        return {prefix: config for prefix, config in config_by_path.items() if config is not None}

    @property
    def configs(self) -> list[MonitoringConfig]:
        """The feature's own settings; a later one wins. Values that are new by nature are not compared, unless somebody wrote
        how.
        """
        configs = [*self.overrides.values()]
        # Ids and times are new in each window, so any comparison would be violated
        if self.always_new is not None and not any(config.distribution_constraints for config in configs):
            drift = DistributionConstraints(perform_comparison=Switch.DISABLED, reason=self.always_new)
            configs.append(MonitoringConfig(distribution_constraints=drift))
        return configs


class Constraints(Document, file="constraints.json", meant="constraints.json of a data-quality baseline"):
    """constraints.json of a data-quality job; features in the data's column order. expectations: ours, for all rows."""

    version: Number = 0.0
    features: tuple[FeatureConstraints, ...]
    monitoring_config: MonitoringConfig | None = None
    expectations: DataSetExpectations | None = None

    @property
    def all_expectations(self) -> Expectations:
        """The rules of all features and of the rows, as a file of `--expectations` has them."""
        rules = {feature.name: feature.expectations for feature in self.features if feature.expectations}
        # Rules may stand at the features, at the file's top, or in both places
        row_expectations = self.expectations or DataSetExpectations()
        return Expectations(
            rows=row_expectations.rows,
            columns=row_expectations.columns,
            row_rules=row_expectations.row_rules,
            features=rules,
        )

    def feature(self, name: str) -> FeatureConstraints:
        """The constraints of the feature called `name`. Raises BadDocument if there is none."""
        return find_feature(self.FILE_NAME, self.features, name)

    @property
    def is_of_2019(self) -> bool:
        """Whether the file has the November 2019 layout (C4.2a)."""
        config = self.monitoring_config
        drift = None
        # That layout switches comparisons on by another member
        if config:
            drift = config.distribution_constraints
        return drift is not None and drift.enable_comparisons is not None

    @property
    def monitoring(self) -> MonitoringSettings:
        """The settings of the whole file, with defaults for absent members."""
        return resolve_settings([self.monitoring_config])

    def settings_for(self, feature: str) -> MonitoringSettings:
        """The settings of one feature: its overrides, then the file's settings, then the defaults.

        Constraints switched off for the whole file stay off for every feature.

        Raises BadDocument if there is no such feature.
        Source: C4.2.
        """
        return resolve_settings([self.monitoring_config, *self.feature(feature).configs])

    def settings_by_feature(self) -> dict[str, MonitoringSettings]:
        """`settings_for` for every feature, without searching for each."""
        monitoring = self.monitoring
        # of several features with one name, the first counts
        configs = {feature.name: feature.configs for feature in reversed(self.features)}
        return {
            name: resolve_settings([self.monitoring_config, *overrides]) if overrides else monitoring
            for name, overrides in configs.items()
        }

    def contradictions(self) -> Iterator[str]:
        """Overrides without effect, because they only name one of our distances for the other kind of feature."""
        # Without effect, so the writer believes in a limit that nothing checks
        for index, feature in enumerate(self.features):
            for path, config in feature.overrides.items():
                for fault in find_unused_overrides(feature.inferred_type, config.distribution_constraints):
                    yield f"features[{index}].{path}.distribution_constraints.{fault}"
        yield from self.all_expectations.contradictions()
