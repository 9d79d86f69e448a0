"""Kinds of monitoring: one record each, found by configuration, by monitor and by state."""

from __future__ import annotations

import pytest

from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.running.configuration.reading import config_of, sources_of
from model_monitor.running.kinds.kinds import KINDS, kind_for, kind_of, kinds
from model_monitor.statistics.states import STATES

REQUIRED = ("--dataset-source", "in", "--dataset-format", "csv", "--output-path", "out")


def test_no_two_kinds_share_a_name_a_namespace_or_a_state():
    for facts in ([(kind.analysis_type, kind.namespace, kind.state)[place] for kind in kinds()] for place in range(3)):
        assert len(set(facts)) == len(KINDS)
    assert {kind.state.KIND for kind in kinds()} <= set(STATES)


def test_a_configuration_gets_the_kind_that_its_analysis_type_names():
    kind = kind_for(config_of("baseline", sources_of([*REQUIRED], {}), in_container=False))

    assert kind.analysis_type is AnalysisType.DATA_QUALITY
    assert kind is kind_of(DataQualityMonitor())


def test_every_analysis_has_its_kind():
    assert [kind.analysis_type for kind in kinds()] == list(AnalysisType)


def test_a_monitor_of_a_state_that_no_kind_makes_is_a_fault_of_its_author():
    class Stranger(DataQualityMonitor):
        STATE = int

    with pytest.raises(TypeError, match="no kind of monitoring makes int"):
        kind_of(Stranger())
