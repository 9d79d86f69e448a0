"""constraints.json of the data-quality jobs: the constraints of each feature, and how it is monitored.

The models mirror the file, including old names and positions, so that a file is written back unchanged.
`Constraints.settings_for(feature)` interprets them and returns complete `MonitoringSettings`. Model-quality constraints
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
    """The role of a feature that isn't an input of the model."""

    PREDICTION = "prediction"


class NumConstraints(Section):
    """is_non_negative: the baseline's minimum was 0 or more."""

    is_non_negative: Flag | None = None


class StringConstraints(Section):
    """domains: the distinct values, if there were few. Old SDKs wrote the feature's overrides here."""

    domains: tuple[DataText, ...] | None = None
    monitoring_config_overrides: MonitoringConfig | None = None
    monitoringConfigOverrides: MonitoringConfig | None = None  # noqa: N815 - the guide's spelling


class FeatureConstraints(Section):
    """One feature.

    completeness: the minimum share of present values; None: not checked.
    role: None for an input. Not in the service.
    always_new: the reason why later values are always new, as those of keys are: neither their domain nor, by default, their
        drift is judged. Not in the service.
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
        """The feature's own settings by their position in the file; a later entry has priority.

        The feature's own member has priority over the one in `string_constraints`, which only old SDKs wrote. In both
        positions, the SDK's spelling has priority over the guide's.
        """
        if not (self.string_constraints or self.monitoring_config_overrides or self.monitoringConfigOverrides):
            return {}
        # In ascending order of priority
        sections = (("string_constraints.", self.string_constraints), ("", self))
        config_by_path = {}
        for prefix, section in sections:
            for spelling in ("monitoringConfigOverrides", "monitoring_config_overrides"):
                config = getattr(section, spelling, None)
                if config is not None:
                    config_by_path[f"{prefix}{spelling}"] = config
        return config_by_path

    @property
    def configs(self) -> list[MonitoringConfig]:
        """The feature's own settings; a later one has priority. If values are always new, their distributions are not
        compared, unless the settings say how.
        """
        configs = [*self.overrides.values()]
        # Ids and times are new in every window, so every comparison would be violated
        if self.always_new is not None and not any(config.distribution_constraints for config in configs):
            drift = DistributionConstraints(perform_comparison=Switch.DISABLED, reason=self.always_new)
            configs.append(MonitoringConfig(distribution_constraints=drift))
        return configs


class Constraints(Document, file="constraints.json", meant="constraints.json of a data-quality baseline"):
    """constraints.json of a data-quality job; features are in the data's column order. expectations (not in the service):
    rules for all rows.
    """

    version: Number = 0.0
    features: tuple[FeatureConstraints, ...]
    monitoring_config: MonitoringConfig | None = None
    expectations: DataSetExpectations | None = None

    @property
    def all_expectations(self) -> Expectations:
        """All rules of the features and of the rows, in the form of a file for `--expectations`."""
        rules = {feature.name: feature.expectations for feature in self.features if feature.expectations}
        # Rules may be stored with the features, at the top of the file, or both
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
        if config is None or config.distribution_constraints is None:
            return False
        # Only this layout has the member that switches comparisons on
        return config.distribution_constraints.enable_comparisons is not None

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
        """`settings_for` every feature, without a search for each."""
        # If several features have the same name, the first one counts
        configs_by_name = {feature.name: feature.configs for feature in reversed(self.features)}
        # Most features have no settings of their own
        settings = dict.fromkeys(configs_by_name, self.monitoring)
        for name, configs in configs_by_name.items():
            if configs:
                settings[name] = resolve_settings([self.monitoring_config, *configs])
        return settings

    def contradictions(self) -> Iterator[str]:
        """Overrides that have no effect, because they only set one of our distances for another type of feature."""
        # Whoever wrote such an override believes in a limit that nothing checks
        for index, feature in enumerate(self.features):
            for path, config in feature.overrides.items():
                for fault in find_unused_overrides(feature.inferred_type, config.distribution_constraints):
                    yield f"features[{index}].{path}.distribution_constraints.{fault}"
        yield from self.all_expectations.contradictions()
