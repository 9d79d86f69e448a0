"""Which limits a baseline suggested, by its two documents alone."""

import pytest

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import find_suggested_limits
from spark_model_monitor.monitors.data_quality.baseline.documents import create_statistics, suggest_constraints
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distributions
from spark_model_monitor.statistics.states.profile import compute_metrics

from .comparisons import make_profile, number_feature, text_feature

PROFILE = make_profile(
    number_feature("charge", [1.5, 2.5, None, 4.5] * 25), text_feature("plan", ["basic", "plus", "basic", None] * 25)
)
CHARGE = ("completeness", "datatype_check_threshold")
PLAN = ("completeness", "domain_content_threshold")


def suggested_limits(edit, settings=None):
    """By feature, after an edit of the plain constraints."""
    plain = suggest_constraints(PROFILE, settings or MonitoringSettings()).plain()
    edit(*plain["features"], plain["monitoring_config"])
    limits = find_suggested_limits(Constraints.model_validate(plain), create_distributions(PROFILE))
    return {name: tuple(sorted(limits)) for name, limits in limits.items()}


def overrides(feature, **members):
    feature["monitoring_config_overrides"] = members


@pytest.mark.parametrize(
    ("edit", "charge", "plan"),
    [
        pytest.param(lambda *_: None, CHARGE, PLAN, id="nothing"),
        pytest.param(lambda charge, *_: charge.update(completeness=0.7), CHARGE[1:], PLAN, id="completeness"),
        pytest.param(lambda charge, *_: charge.update(completeness=0.75), CHARGE, PLAN, id="the same completeness"),
        pytest.param(lambda charge, *_: charge.update(inferred_type="Integral"), CHARGE[:1], PLAN, id="type"),
        pytest.param(
            lambda charge, plan, config: config.update(datatype_check_threshold=0.9),
            CHARGE[:1],
            PLAN,
            id="share of a type",
        ),
        pytest.param(
            lambda charge, plan, config: overrides(plan, domain_content_threshold=0.98), CHARGE, PLAN[:1], id="override"
        ),
        pytest.param(
            lambda charge, plan, config: overrides(plan, domain_content_threshold=1.0),
            CHARGE,
            PLAN,
            id="the same override",
        ),
        pytest.param(
            lambda charge, plan, config: plan["string_constraints"].update(domains=["basic"]),
            CHARGE,
            PLAN[:1],
            id="domain",
        ),
        pytest.param(
            lambda charge, plan, config: plan["string_constraints"].update(domains=["plus", "basic"]),
            *(CHARGE, PLAN),
            id="domain in another order",
        ),
        pytest.param(
            lambda charge, plan, config: overrides(plan, requested_limits=["completeness"]),
            *(CHARGE, PLAN[1:]),
            id="a person insists, for a feature",
        ),
        pytest.param(
            lambda charge, plan, config: config.update(requested_limits=["completeness"]),
            *(CHARGE[1:], PLAN[1:]),
            id="a person insists, for all features",
        ),
        pytest.param(lambda charge, plan, config: charge.update(name="fee"), None, PLAN, id="without statistics"),
    ],
)
def test_a_limit_is_suggested_if_it_equals_what_was_observed_and_nobody_insists(edit, charge, plan):
    limits = suggested_limits(edit)

    assert (limits.get("charge"), limits["plan"]) == (charge, plan)


def test_a_share_that_settings_give_is_requested_even_if_it_is_the_suggested_one():
    limits = suggested_limits(lambda *_: None, MonitoringSettings(domain_content_threshold=1.0))

    assert limits == {"charge": CHARGE, "plan": PLAN[:1]}


def test_without_verdicts_that_allow_for_noise_no_limit_is_suggested():
    assert suggested_limits(lambda *_: None, MonitoringSettings(verdicts="none")) == {}


def test_the_two_documents_say_the_same_as_the_states():
    constraints = suggest_constraints(PROFILE)
    statistics = Statistics.from_json(create_statistics(PROFILE, compute_metrics(PROFILE)).to_json())

    of_documents = QualityBaseline.from_documents(Constraints.from_json(constraints.to_json()), statistics)
    of_states = QualityBaseline.from_documents(constraints, profile=PROFILE)

    assert of_documents.suggested_limits == of_states.suggested_limits
    assert of_states.suggested_limits["charge"] == {*CHARGE}
