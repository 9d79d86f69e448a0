"""The label among a baseline's columns: training data has a label, and requests don't. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spark_model_monitor.data.records.decoded_rows import ColumnMatching
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.causes.renamed_columns import measure_gap
from spark_model_monitor.monitors.data_quality.distribution.column_values import FEW_DISTINCT
from spark_model_monitor.monitors.data_quality.hints.swapped_columns import FIT
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.profile import FeatureMetrics

ProfileSample = Sample[Profile, Mapping[str, FeatureMetrics]]


def find_roles(baseline: QualityBaseline, sample: ProfileSample) -> ColumnRoles | None:
    """The roles of a first window's columns; None if the window isn't of captures.

    The column that no record has is the label, if no other column is missing, and if no new input has its values, as a renamed
    column would.
    """
    roles = sample.layout.roles
    # Rows of CSV have a cell for each column, so their width shows which column is absent
    if roles is None or sample.layout.matched_by is ColumnMatching.POSITION:
        return roles
    # The columns that the window lacks, and its new inputs
    current = sample.state.by_name
    absent_names = find_absent_columns(baseline, current)
    new_inputs = [current[name] for name in roles.inputs if name in current]
    # If several columns are missing, nobody knows which of them is the label
    is_alone = len(absent_names) == 1 and not baseline.has_given_label
    if is_alone and not any(_may_be_renamed(absent_names[0], column, baseline) for column in new_inputs):
        return roles.model_copy(update={"label": absent_names[0]})
    return roles


def find_absent_columns(baseline: QualityBaseline, current: Mapping[str, FeatureProfile]) -> list[str]:
    """The baseline's columns that have values there, and none in a window."""
    absent_names = []
    for feature in baseline.features:
        # A column without a value is as good as absent
        column = current.get(feature.name)
        if feature.distribution.present and (column is None or not column.num_present):
            absent_names.append(feature.name)
    return absent_names


def _may_be_renamed(name: str, column: FeatureProfile, baseline: QualityBaseline) -> bool:
    """Whether a column has the values of the baseline's column. Few distinct numbers don't count: many columns have them."""
    profile = baseline.profile
    if profile is None or column.distinct is None:
        return False
    if column.is_numeric and column.distinct.estimate() <= FEW_DISTINCT:
        return False
    return any(feature.name == name and measure_gap(feature, column) <= FIT for feature in profile.features)


def leave_out_label(sample: ProfileSample, roles: ColumnRoles | None) -> ProfileSample:
    """The sample without the empty column of the label."""
    features = sample.state.features
    names = [feature.name for feature in features]
    if roles is None or roles.absent_label not in names:
        return sample
    index = names.index(roles.absent_label)
    # A label that requests bring later is a column like others
    if features[index].num_present:
        return sample
    # Runs of rows stand in the order of the features
    features = (*features[:index], *features[index + 1 :])
    runs = (*sample.runs[:index], *sample.runs[index + 1 :])
    return replace(sample, state=replace(sample.state, features=features), runs=runs)
