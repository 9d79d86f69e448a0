"""Kinds of monitoring: one record each, found by configuration, by monitor and by state."""

from importlib import import_module

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import KINDS, create_monitor, list_monitor_classes
from spark_model_monitor.statistics.states.encoding import list_kinds

REQUIRED = ("--dataset-source", "in", "--dataset-format", "csv", "--output-path", "out")


def test_no_two_kinds_share_a_name_a_namespace_or_a_state():
    for facts in (
        [
            (monitor_type.ANALYSIS_TYPE, monitor_type.NAMESPACE, monitor_type.STATE)[index]
            for monitor_type in list_monitor_classes()
        ]
        for index in range(3)
    ):
        assert len(set(facts)) == len(KINDS)
    assert {monitor_type.STATE.KIND for monitor_type in list_monitor_classes()} <= set(list_kinds())


def test_a_configuration_gets_the_monitor_that_its_analysis_type_names():
    config = build_config("baseline", read_sources([*REQUIRED], {}), in_container=False)

    assert isinstance(create_monitor(config), DataQualityMonitor)


def test_every_analysis_has_its_kind():
    assert [monitor_type.ANALYSIS_TYPE for monitor_type in list_monitor_classes()] == list(KINDS) == list(AnalysisType)


def test_every_kind_reads_by_a_function_that_is_there():
    for kind in KINDS.values():
        module, _, name = kind.reader.partition(":")
        assert callable(getattr(import_module(f"spark_model_monitor.running.inputs.{module}"), name))
