import json

import pytest

from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints, NumConstraints, StringConstraints
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig, MonitoringSettings
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadConfiguration, BadDocument


def feature(**members):
    return {"name": "Age", "inferred_type": "Integral", "completeness": 1.0} | members


def read(content) -> Constraints:
    return Constraints.from_json(json.dumps(content))


def settings(config=None, **members) -> MonitoringSettings:
    """What is in force for a feature with `members` in a file with `config`."""
    content = {"version": 0.0, "features": [feature(**members)]} | ({"monitoring_config": config} if config else {})
    constraints = read(content)
    assert constraints.plain() == content  # whatever the layout, it is written back
    return constraints.settings_for("Age")


def test_a_constructed_document_is_written_with_the_members_of_the_newest_container_in_order():
    # G11 and G12
    constraints = Constraints(
        features=(
            FeatureConstraints(
                name="Age",
                inferred_type=InferredType.INTEGRAL,
                completeness=1.0,
                num_constraints=NumConstraints(is_non_negative=False),
                string_constraints=None,
            ),
            FeatureConstraints(
                name="State",
                inferred_type=InferredType.STRING,
                completeness=0.5,
                string_constraints=StringConstraints(domains=("NM", "é")),
            ),
        ),
        monitoring_config=MonitoringSettings(verdicts="none").as_config(),
    )

    assert json.dumps(json.loads(constraints.to_json()), ensure_ascii=False) == (
        '{"version": 0.0, "features": ['
        '{"name": "Age", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": false}}, '
        '{"name": "State", "inferred_type": "String", "completeness": 0.5, "string_constraints": {"domains": ["NM", "é"]}}], '
        '"monitoring_config": {"evaluate_constraints": "Enabled", "emit_metrics": "Enabled", '
        '"datatype_check_threshold": 1.0, "domain_content_threshold": 1.0, "distribution_constraints": {'
        '"perform_comparison": "Enabled", "comparison_threshold": 0.1, "comparison_method": "Robust", '
        '"categorical_comparison_threshold": 0.1, "categorical_drift_method": "LInfinity"}}}'
    )
    assert Constraints.from_json(constraints.to_json()) == constraints


def test_without_monitoring_config_the_defaults_hold():  # C11.27
    assert settings() == MonitoringSettings(
        evaluate_constraints=True,
        emit_metrics=True,
        datatype_check_threshold=1.0,
        domain_content_threshold=1.0,
        perform_comparison=True,
        comparison_threshold=0.1,
        comparison_method="Robust",
        categorical_comparison_threshold=0.1,
        categorical_drift_method="LInfinity",
        verdicts="none",
    )
    assert read({"features": []}).monitoring == MonitoringSettings(verdicts="none")


def test_the_layout_of_2019_is_read():  # C4.2a
    oldest = {"enable_comparisons": False, "min_domain_mass": 0.75, "comparison_threshold": 1.0}

    parsed = settings({"evaluate_constraints": "Enabled", "distribution_constraints": oldest})

    assert (parsed.perform_comparison, parsed.domain_content_threshold, parsed.comparison_threshold) == (
        False,
        0.75,
        1.0,
    )


def test_todays_names_win_over_the_names_of_2019():
    members = {
        "domain_content_threshold": 0.5,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "enable_comparisons": False,
            "min_domain_mass": 0.75,
            "comparison_method": "Simple",
            "comparion_method": "Robust",
        },
    }

    parsed = settings(members)

    assert parsed.perform_comparison
    assert parsed.domain_content_threshold == 0.5
    assert parsed.comparison_method == "Simple"


@pytest.mark.parametrize("key", ["comparison_method", "comparion_method"])
@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("Simple", "Simple"),
        ("linf_simple", "Simple"),
        ("Robust", "Robust"),
        ("linf_robust", "Robust"),
    ],
)
def test_a_comparison_method_is_read_under_all_its_names(key, written, method):
    assert settings({"distribution_constraints": {key: written}}).comparison_method == method


def test_the_categorical_threshold_is_by_default_the_numerical_one():  # C4.2
    assert (
        settings({"distribution_constraints": {"comparison_threshold": 0.25}}).categorical_comparison_threshold == 0.25
    )
    thresholds = {"comparison_threshold": 0.25, "categorical_comparison_threshold": 0.5}
    assert settings({"distribution_constraints": thresholds}).categorical_comparison_threshold == 0.5


def thresholds(file, **override):
    """(of numbers, of texts) in force for a feature with these distribution constraints of the file and of its own."""
    if override:
        members = {"monitoring_config_overrides": {"distribution_constraints": override}}
    else:
        members = {}
    parsed = settings({"distribution_constraints": file}, inferred_type="Unknown", **members)
    return parsed.comparison_threshold, parsed.categorical_comparison_threshold


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param({"comparison_method": "psi"}, (0.2, 0.1), id="its own"),
        pytest.param({"comparison_method": "js_divergence", "categorical_drift_method": "psi"}, (0.3, 0.2), id="both"),
        pytest.param({"comparison_method": "psi", "comparison_threshold": 0.1}, (0.1, 0.1), id="the file's counts"),
        pytest.param(
            {"comparison_method": "psi", "comparison_threshold": 0.5}, (0.5, 0.1), id="is no limit of LInfinity"
        ),
        pytest.param({"comparison_threshold": 0.5, "categorical_drift_method": "psi"}, (0.5, 0.2), id="nor one of PSI"),
        pytest.param({"comparison_threshold": 0.5, "categorical_drift_method": "ChiSquared"}, (0.5, 0.5), id="C4.2"),
    ],
)
def test_a_method_without_a_threshold_has_its_usual_one(file, expected):
    assert thresholds(file) == expected


SUGGESTED = {
    "comparison_threshold": 0.15,
    "comparison_method": "Robust",
    "categorical_comparison_threshold": 0.25,
    "categorical_drift_method": "LInfinity",
}
PSI = {"comparison_method": "psi", "comparison_threshold": 0.4}


@pytest.mark.parametrize(
    ("file", "override", "expected"),
    [
        pytest.param(SUGGESTED, {"comparison_method": "psi"}, (0.2, 0.25), id="one of ours has its own"),
        pytest.param(SUGGESTED, {"comparison_method": "psi", "comparison_threshold": 1.5}, (1.5, 0.25), id="or this one"),
        pytest.param(SUGGESTED, {"comparison_method": "Simple"}, (0.15, 0.25), id="the service's pass it on"),
        pytest.param(SUGGESTED, {"comparison_method": "linf_robust"}, (0.15, 0.25), id="the same by another name"),
        pytest.param(SUGGESTED, {"categorical_drift_method": "js_divergence"}, (0.15, 0.3), id="texts"),
        pytest.param(PSI, {"comparison_method": "Simple"}, (0.1, 0.1), id="back"),
        pytest.param(PSI, {"comparison_method": "psi"}, (0.4, 0.1), id="again"),
        pytest.param({"comparison_method": "psi"}, {"comparison_threshold": 0.4}, (0.4, 0.1), id="a threshold alone"),
    ],
)  # fmt: skip
def test_a_threshold_holds_for_the_method_that_it_was_given_for(file, override, expected):
    assert thresholds(file, **override) == expected


def test_settings_made_in_python_have_the_usual_thresholds_and_refuse_unknown_methods():
    chosen = MonitoringSettings(comparison_method="wasserstein_normalised", categorical_drift_method="js_divergence")

    assert (chosen.comparison_threshold, chosen.categorical_comparison_threshold) == (0.1, 0.3)
    assert MonitoringSettings(comparison_method="linf_simple") == MonitoringSettings(comparison_method="Simple")
    with pytest.raises(BadConfiguration, match="no comparison_method called 'helinger'; write one of: hellinger"):
        MonitoringSettings(comparison_method="helinger")
    with pytest.raises(BadConfiguration, match="no categorical_drift_method called 'wasserstein_normalised'"):
        MonitoringSettings(categorical_drift_method="wasserstein_normalised")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("datatype_check_threshold", 98, "a number from 0 to 1"),
        ("domain_content_threshold", float("nan"), "a number from 0 to 1"),
        ("comparison_threshold", -1, "a number, 0 or more"),
    ],
)
def test_settings_made_in_python_refuse_limits_that_a_file_could_not_have(name, value, message):
    with pytest.raises(BadConfiguration, match=f"{name} is {value!r}; .* {message}"):
        MonitoringSettings(**{name: value})


def overriding(inferred_type, **drift):
    """A file whose second feature, `plan`, has these distribution constraints of its own."""
    override = {"distribution_constraints": drift}
    plan = feature(name="plan", inferred_type=inferred_type, monitoring_config_overrides=override)
    return {"features": [feature(), plan]}


@pytest.mark.parametrize(
    ("inferred_type", "drift", "fault"),
    [
        pytest.param(
            "String",
            {"comparison_method": "wasserstein_normalised"},
            'comparison_method is "wasserstein_normalised", which compares numbers, and the feature is String; write '
            'categorical_drift_method, one of "Simple", "LInfinity", "ChiSquared", "js_divergence", "js_distance", "psi", '
            '"hellinger"',
            id="a text",
        ),
        pytest.param(
            "Integral",
            {"categorical_drift_method": "psi"},
            'categorical_drift_method is "psi", which compares texts, and the feature is Integral; write comparison_method, '
            'one of "Simple", "Robust", "js_divergence", "js_distance", "psi", "hellinger", "wasserstein_normalised"',
            id="a number",
        ),
    ],
)
def test_an_override_that_would_have_no_effect_is_refused(inferred_type, drift, fault):
    with pytest.raises(BadDocument) as raised:
        read(overriding(inferred_type, **drift))

    path = "constraints.json: features[1].monitoring_config_overrides.distribution_constraints."
    assert str(raised.value) == path + fault


@pytest.mark.parametrize(
    ("inferred_type", "drift"),
    [
        pytest.param("String", {"comparison_method": "Simple"}, id="the service takes it"),
        pytest.param(
            "String", {"comparison_method": "psi", "categorical_drift_method": "psi"}, id="a copy of the file's"
        ),
        pytest.param("Unknown", {"comparison_method": "psi"}, id="nobody knows what it will be"),
        pytest.param("Fractional", {"comparison_method": "wasserstein_normalised"}, id="it fits"),
    ],
)
def test_an_override_that_has_an_effect_or_is_of_the_service_is_taken(inferred_type, drift):
    assert read(overriding(inferred_type, **drift)).feature("plan").overrides


def test_a_distance_of_numbers_alone_is_none_of_texts():
    drift = {"categorical_drift_method": "wasserstein_normalised"}

    with pytest.raises(
        BadDocument, match='categorical_drift_method is "wasserstein_normalised"; it has to be one of "Simple", "LInf'
    ):
        read({"features": [], "monitoring_config": {"distribution_constraints": drift}})


OVERRIDE = {"datatype_check_threshold": 0.5, "distribution_constraints": {"comparison_threshold": 0.25}}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"monitoring_config_overrides": OVERRIDE}, id="as the SDK writes it"),
        pytest.param({"monitoringConfigOverrides": OVERRIDE}, id="as the guide spells it"),
        pytest.param({"string_constraints": {"monitoring_config_overrides": OVERRIDE}}, id="where old SDKs put it"),
        pytest.param({"string_constraints": {"monitoringConfigOverrides": OVERRIDE}}, id="misplaced and misspelt"),
    ],
)
def test_overrides_are_read_from_every_place(members):
    parsed = settings({"datatype_check_threshold": 0.9, "domain_content_threshold": 0.8}, **members)

    assert (parsed.datatype_check_threshold, parsed.domain_content_threshold) == (0.5, 0.8)
    assert parsed.comparison_threshold == 0.25


def test_the_features_own_override_wins_over_the_misplaced_one_member_by_member():
    parsed = settings(
        monitoring_config_overrides={"evaluate_constraints": "Enabled", "datatype_check_threshold": 0.1},
        monitoringConfigOverrides={"datatype_check_threshold": 0.2, "domain_content_threshold": 0.2},
        string_constraints={
            "monitoring_config_overrides": {
                "evaluate_constraints": "Disabled",
                "domain_content_threshold": 0.3,
                "emit_metrics": "Disabled",
            }
        },
    )

    assert (parsed.evaluate_constraints, parsed.emit_metrics) == (True, False)
    assert (parsed.datatype_check_threshold, parsed.domain_content_threshold) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("file", "override", "evaluated"),
    [
        (None, None, True),
        ("Enabled", "Disabled", False),
        ("Disabled", None, False),
        ("Disabled", "Enabled", False),  # C4.2: no violations at all (file level)
        (None, "Enabled", True),
    ],
)
def test_constraints_switched_off_for_the_file_stay_off(file, override, evaluated):
    config = {"evaluate_constraints": file} if file else None
    if override:
        members = {"monitoring_config_overrides": {"evaluate_constraints": override}}
    else:
        members = {}

    assert settings(config, **members).evaluate_constraints is evaluated


def test_settings_are_written_and_read_back():
    chosen = MonitoringSettings(
        evaluate_constraints=False,
        perform_comparison=False,
        comparison_threshold=0.3,
        comparison_method="Simple",
        categorical_comparison_threshold=0.2,
        categorical_drift_method="ChiSquared",
    )

    assert Constraints(features=(), monitoring_config=chosen.as_config()).monitoring == chosen


def test_unknown_and_misplaced_members_and_their_order_are_preserved():
    text = (
        '{"monitoring_config": {"mine": [1, 1.0], "evaluate_constraints": "Disabled"}, "owner": null, "features": ['
        '{"completeness": null, "name": "Age", "num_constraints": {"is_non_negative": true, "limit": 1E40},'
        ' "inferred_type": "Integral", "domains": ["misplaced"]}]}'
    )

    assert json.dumps(json.loads(Constraints.from_json(text).to_json())) == json.dumps(json.loads(text))


def test_a_section_that_a_copy_takes_away_is_gone():
    constraints = read({"features": [feature(string_constraints={"domains": ["a"]})]})
    (age,) = constraints.features

    assert age.domains == ("a",)
    assert age.model_copy(update={"string_constraints": None}).plain() == feature()


def test_an_empty_config_sets_nothing():
    assert MonitoringConfig().plain() == {}
    assert settings({"distribution_constraints": {}}, monitoring_config_overrides={}) == MonitoringSettings(
        verdicts="none"
    )


def test_monitoring_of_an_unknown_feature_names_the_nearest():
    with pytest.raises(BadDocument, match=r"constraints.json has no feature 'age' among its 1; did you mean 'Age'\?"):
        read({"features": [feature()]}).settings_for("age")


def test_several_faults_are_one_error():
    content = {
        "features": [
            feature(name="a"),
            feature(name="b", completeness=True),
            feature(name="c", num_constraints={"is_non_negative": "yes"}),
            feature(name="d", completeness=95),
            feature(name="a"),
        ],
        "monitoring_config": {
            "emit_metrics": True,
            "distribution_constraints": {"comparison_method": "Robost", "comparison_threshold": -0.1},
        },
    }

    with pytest.raises(BadDocument) as raised:
        read(content)

    assert str(raised.value).splitlines() == [
        "constraints.json: features[1].completeness is true; it has to be a number from 0 to 1 (95 % is 0.95)",
        'constraints.json: features[2].num_constraints.is_non_negative is "yes"; it has to be true or false',
        "constraints.json: features[3].completeness is 95; it has to be a number from 0 to 1 (95 % is 0.95)",
        'constraints.json: monitoring_config.emit_metrics is true; it has to be one of "Enabled", "Disabled"',
        "constraints.json: monitoring_config.distribution_constraints.comparison_threshold is -0.1; "
        "it has to be a number, 0 or more",
        'constraints.json: monitoring_config.distribution_constraints.comparison_method is "Robost"; it has to be '
        'one of "Simple", "Robust", "js_divergence", "js_distance", "psi", "hellinger", "wasserstein_normalised", '
        '"linf_simple", "linf_robust"; did you mean "Robust"?',
        'constraints.json: features[4].name is "a", as is features[0].name; '
        "it has to be another name, or one of the two entries has to go",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("[]", "is a list of length 0; it has to be a JSON object", id="a list"),
        pytest.param("version = 0", "line 1, column 1 is not JSON", id="not JSON"),
        pytest.param('{"features": [{"name": "Age", "inf', "is the file cut off", id="cut off"),
        pytest.param('{"features": [{"completeness": NaN}]}', "column 32: NaN is no JSON value; write null", id="NaN"),
        pytest.param('{"features": {}}', "features is an object; it has to be a list", id="object for a list"),
        pytest.param('{"features": [7]}', r"features\[0\] is 7; it has to be an object", id="number for an object"),
        pytest.param(
            '{"features": [{}]}', r"features\[0\].inferred_type is missing; it has to be one of", id="no type"
        ),
        pytest.param('{"features": [{}]}', r"features\[0\].name is missing; it has to be a text", id="no name"),
        pytest.param(
            '{"dataset": {}, "features": []}', "a member dataset, so it is a statistics.json", id="statistics"
        ),
        pytest.param(
            '{"regression_constraints": {}}', "constraints.json of a model-quality job", id="of another monitor"
        ),
    ],
)
def test_text_that_is_no_constraints_file_is_refused(text, fault):
    with pytest.raises(BadDocument, match=fault):
        Constraints.from_json(text)


def test_an_error_never_shows_a_value_that_stood_in_the_data():
    with pytest.raises(BadDocument) as raised:
        read({"features": [feature(string_constraints={"domains": ["ok", 4111111111111111]})]})

    assert str(raised.value) == (
        "constraints.json: features[0].string_constraints.domains[1] is a number; it has to be a text"
    )


def test_verdicts_that_allow_for_chance_are_asked_for_in_one_place():
    config = {"verdicts": "calibrated", "false_alarm_budget": 0.01, "rows": "independent"}
    parsed = settings(config)

    assert parsed == MonitoringSettings(verdicts="calibrated", false_alarm_budget=0.01, rows="independent")
    assert parsed.is_calibrated
    assert parsed.rows_are_independent
    assert not settings().is_calibrated


def test_settings_of_the_service_write_nothing_of_ours():
    written = MonitoringSettings(verdicts="none").as_config().plain()

    assert not {"verdicts", "false_alarm_budget", "rows", "change_that_matters"} & set(written)
    assert MonitoringSettings(verdicts="calibrated").as_config().plain() | written == {
        **written,
        "verdicts": "calibrated",
        "false_alarm_budget": 1 / 720,
        "rows": "clustered",
        "requested_limits": [],
        "change_that_matters": {"missing": 0.12, "standard_deviations": 0.5, "value": 0.3},
    }


def test_sizes_of_a_change_that_matters_are_the_files_or_a_features_own():
    overrides = {"change_that_matters": {"value": 0.5}}
    file = {
        "version": 0.0,
        "features": [
            {"name": "a", "inferred_type": "Integral"},
            {"name": "b", "inferred_type": "String", "monitoring_config_overrides": overrides},
        ],
        "monitoring_config": {"verdicts": "calibrated", "change_that_matters": {"missing": 0.2}},
    }
    constraints = Constraints.from_json(json.dumps(file))

    # the file's, and the usual sizes where it has none
    a = constraints.settings_for("a").change_that_matters
    assert (a.missing, a.standard_deviations, a.value) == (0.2, 0.5, 0.3)
    # the feature's own, and the usual sizes for its other members
    b = constraints.settings_for("b").change_that_matters
    assert (b.missing, b.standard_deviations, b.value) == (0.12, 0.5, 0.5)
    # as it was read, and what it may not be
    assert json.loads(constraints.to_json()) == file
    file["monitoring_config"]["change_that_matters"]["missing"] = 12
    with pytest.raises(BadDocument, match=r"change_that_matters.missing is 12; it has to be a number from 0 to 1"):
        Constraints.from_json(json.dumps(file))


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"verdicts": "caliber"}, 'monitoring_config.verdicts is "caliber"; it has to be one of "calibrated", "none"'),
        ({"rows": 3}, 'monitoring_config.rows is 3; it has to be one of "clustered", "independent"'),
        (
            {"false_alarm_budget": 0},
            "monitoring_config.false_alarm_budget is 0; it has to be a number above 0 and below 1",
        ),
        (
            {"false_alarm_budget": 5},
            "monitoring_config.false_alarm_budget is 5; it has to be a number above 0 and below 1",
        ),
    ],
)
def test_a_word_or_a_budget_that_means_nothing_is_refused(config, fault):
    with pytest.raises(BadDocument) as raised:
        read({"features": [], "monitoring_config": config})

    assert fault in str(raised.value)


def test_the_same_from_python():
    with pytest.raises(BadConfiguration, match='rows is \'mixed\'; write one of: "clustered", "independent"'):
        MonitoringSettings(rows="mixed")
    with pytest.raises(BadConfiguration, match=r"false_alarm_budget is 1\.5; write a share above 0 and below 1"):
        MonitoringSettings(false_alarm_budget=1.5)


def test_the_layout_of_november_2019_is_read():
    """As a published file has it."""
    drift = {
        "enable_comparisons": True,
        "comparison_threshold": 0.1,
        "domain_content_threshold": 0.9,
        "datatype_check_threshold": 0.8,
        "compare_simple_distance": True,
    }
    content = {"version": 0.0, "features": [feature()], "monitoring_config": {"distribution_constraints": drift}}

    constraints = read(content)

    settings = constraints.monitoring
    assert (settings.comparison_method, settings.comparison_threshold) == ("Simple", 0.1)
    assert (settings.datatype_check_threshold, settings.domain_content_threshold) == (0.8, 0.9)
    assert (constraints.plain(), [*constraints.unknown_members()]) == (content, [])


def test_members_that_nothing_reads_are_named_with_the_nearest_one_and_preserved():
    content = {
        "version": 0.0,
        "features": [
            feature(completness=0.9),
            feature(
                name="Plan", monitoring_config_overrides={"distribution_constraints": {"comparison_treshold": 0.3}}
            ),
        ],
        "monitoring_config": {"evaluate_constraints": "Enabled", "note": "of March"},
    }
    content["features"].append(feature(name="City", completness=0.8))

    constraints = read(content)

    # What many features have is named once
    assert constraints.plain() == content
    first, second, third = constraints.unknown_members()
    assert first == "features[0].completness is unknown; did you mean completeness?"
    path = "features[1].monitoring_config_overrides.distribution_constraints."
    assert second == f"{path}comparison_treshold is unknown; did you mean comparison_threshold?"
    assert third.startswith("monitoring_config.note is unknown; it may have evaluate_constraints, emit_metrics, ")


LIMITS = {
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "comparison_threshold": 0.1,
    "categorical_comparison_threshold": 0.1,
}
"""Each limit that settings can give, with the value that is suggested without them."""


@pytest.mark.parametrize(("name", "value"), LIMITS.items(), ids=list(LIMITS))
def test_a_limit_that_settings_give_is_requested_even_if_its_value_is_the_suggested_one(name, value):
    suggested = MonitoringSettings()
    requested = MonitoringSettings(**{name: value})

    assert getattr(suggested, name) == value
    assert suggested.requested_limits == ()
    assert requested.requested_limits == (name,)
    assert requested.as_config().plain()["requested_limits"] == [name]


@pytest.mark.parametrize(
    ("arguments", "methods"),
    [
        pytest.param({}, ("Robust", "LInfinity"), id="nothing"),
        pytest.param({"comparison_threshold": 0.5}, ("Simple", "LInfinity"), id="a limit of numbers alone"),
        pytest.param({"categorical_comparison_threshold": 0.5}, ("Robust", "Simple"), id="a limit of texts alone"),
        pytest.param(
            {"comparison_threshold": 0.5, "comparison_method": "Robust"}, ("Robust", "LInfinity"), id="both given"
        ),
        pytest.param(
            {"comparison_threshold": 0.5, "verdicts": "none"}, ("Robust", "LInfinity"), id="a file as the service's"
        ),
    ],
)
def test_a_limit_given_alone_is_one_of_the_plain_distance(arguments, methods):
    drift = MonitoringSettings(**arguments).as_config().distribution_constraints

    assert (drift.comparison_method, drift.categorical_drift_method) == methods


def test_the_methods_of_a_file_stay_whatever_its_limits():
    drift = settings({"verdicts": "calibrated", "distribution_constraints": {"comparison_threshold": 0.5}})

    assert drift.comparison_method == "Robust"
    assert drift.comparison_threshold == 0.5
    assert drift.requested_limits == ()


def test_requested_limits_of_the_file_and_of_a_feature_add_up():
    config = {"verdicts": "calibrated", "requested_limits": ["completeness"]}
    overrides = {"requested_limits": ["comparison_threshold"]}
    limits = settings(config, monitoring_config_overrides=overrides).requested_limits

    assert limits == ("completeness", "comparison_threshold")


def test_a_requested_limit_that_no_file_has_is_refused():
    with pytest.raises(BadDocument, match='requested_limits.* "recall"; it has to be one of "completeness", "datatype'):
        settings({"requested_limits": ["recall"]})


@pytest.mark.parametrize(
    "drift", [{"perform_comparison": "Enabled"}, {"comparison_threshold": 0.2}, {"comparison_method": "psi"}]
)
def test_values_that_are_new_by_nature_have_neither_a_domain_nor_drift_unless_somebody_wrote_how(drift):
    texts = {"inferred_type": "String", "string_constraints": {"domains": ["a", "b"]}, "always_new": "keys"}
    content = {"features": [feature(**texts)]}

    assert read(content).feature("Age").domains is None
    assert (settings(**texts).perform_comparison, settings(**texts).left_out) == (False, "keys")
    numbers = {"always_new": "keys", "monitoring_config_overrides": {"distribution_constraints": drift}}
    assert settings(**numbers).perform_comparison
