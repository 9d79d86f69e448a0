"""One change is one alarm: what is grouped, which is the largest, and what a sentence says."""

from spark_model_monitor.documents.alarms import Alarm, collect_alarms, group_into_alarms
from spark_model_monitor.documents.alert_files import report_ended_alarms
from spark_model_monitor.documents.check_results import CheckResult, CheckStatus, remove_values


def violated(feature=None, check="baseline_drift_check", observed=0.5, threshold=0.1, **members):
    return CheckResult(
        feature=feature, check=check, status=CheckStatus.VIOLATED, observed=observed, threshold=threshold, **members
    )


def sentences(*results, since=None):
    return [alarm.sentence() for alarm in collect_alarms(group_into_alarms(results, since or {}))]


def test_checks_of_one_column_are_one_alarm_and_the_largest_alarm_comes_first():
    small = violated("b", observed=0.2)
    drift = violated("a", observed=0.9, change="drifted")
    also = violated("a", "completeness_check", 0.8, 0.9)
    passed = drift.model_copy(update={"status": CheckStatus.PASSED})

    alarms = group_into_alarms((small, also, drift, passed), {})

    assert [result.alarm for result in alarms] == [2, 1, 1, None]
    assert sentences(small, also, drift)[0] == "a drifted; also completeness"


def test_recall_and_the_rates_that_follow_from_it_are_one_alarm():
    """Recall is the true positive rate, and 1 less the false negative rate."""
    recall = violated(check="LessThanThreshold", observed=0.6, threshold=0.8, metric="recall")
    tpr = violated(
        check="LessThanThreshold", observed=0.6, threshold=0.8, metric="true_positive_rate", same_as="recall"
    )
    fnr = violated(
        check="GreaterThanThreshold", observed=0.4, threshold=0.2, metric="false_negative_rate", same_as="recall"
    )

    assert sentences(recall, tpr, fnr) == [
        "recall is 0.6, the baseline asks for at least 0.8; also true_positive_rate, false_negative_rate"
    ]


def test_columns_that_lack_the_same_number_of_values_are_one_alarm():
    lacking = [violated(name, "completeness_check", 0.7, 1.0, m=1_000, change="is gone") for name in "abcde"]
    other_violation = violated("z", "completeness_check", 0.6, 1.0, m=1_000)

    first, second = sentences(*lacking, other_violation)

    assert first.startswith("z violates completeness, 0.6")
    assert second == "a is gone; the same of b, c, d and 1 more"


def test_groups_and_outputs_of_one_name_are_alarms_of_their_own():
    of_women = violated("sex", "bias_drift_check", 0.3, 0.1, metric="DPL", facet_value="f")
    of_the_old = violated("age", "bias_drift_check", 0.2, 0.1, metric="DPL", facet_value="65")

    assert sentences(of_women, of_the_old) == [
        "DPL of sex=f is 0.3, it was 0.1 in the baseline",
        "DPL of age=65 is 0.2, it was 0.1 in the baseline",
    ]


def test_a_change_that_a_test_saw_is_as_large_as_what_it_saw_and_not_as_its_threshold_is_far():
    tested = violated("a", observed=0.0, threshold=0.1, adjusted_p=1e-9, distance=0.04, effect=0.03)
    far = violated("b", observed=0.2, threshold=0.1)

    assert [result.alarm for result in group_into_alarms((tested, far), {})] == [2, 1]


def test_an_alarm_that_goes_on_says_since_when_and_a_new_one_does_not():
    alarm_sentences = sentences(violated("a", change="drifted"), since={"a": "2026-03-04T20:00:00Z"})

    assert alarm_sentences == ["a drifted; since 2026-03-04T20:00:00Z"]
    assert sentences(violated("a", change="drifted"), since={"b": "2026-03-04T20:00:00Z"}) == ["a drifted"]


def remove_alarm_values(alarm):
    return Alarm(tuple(map(remove_values, alarm.results)))


def test_values_are_named_but_where_they_may_not_be():
    new = "has 8 % of values that were not there before"
    [alarm] = collect_alarms(group_into_alarms([violated("a", change=new, values=("ES", "x\ny"))], {}))

    assert alarm.sentence() == f"a {new}, such as ES, 'x\\ny'"
    assert remove_alarm_values(alarm).sentence() == f"a {new}"

    gone = violated("a", change="no longer has one value", values=("FR",))
    [alarm] = collect_alarms(
        group_into_alarms([gone, violated("a", "categorical_values_check", 0.9, 1.0, values=("ES",))], {})
    )
    assert alarm.sentence() == "a no longer has the value FR; also categorical values ('ES')"
    assert remove_alarm_values(alarm).sentence() == "a no longer has one value; also categorical values"


def test_a_check_without_numbers_is_named():
    assert sentences(violated("c", "missing_column_check", None, None)) == ["c violates missing column"]


def passed(feature):
    return violated(feature).model_copy(update={"status": CheckStatus.PASSED})


def test_the_end_of_an_alarm_is_reported_by_the_window_that_follows_it():
    since = {"a": "2026-03-04T20:00:00Z", "b": "2026-03-04T21:00:00Z", "c": "2026-03-04T21:00:00Z"}
    results = [passed("a"), passed("b"), violated("b", check="completeness_check"), passed("d")]

    [hint] = report_ended_alarms(results, since, "2026-03-05T02:00:00Z")

    assert (hint.hint, hint.features) == ("alarm_ended", ("a",))
    assert hint.description == "a: back since 2026-03-05T02:00:00Z, it was an alarm since 2026-03-04T20:00:00Z"
    assert report_ended_alarms(results, {}, "2026-03-05T03:00:00Z") == ()  # the next window's window before had none


def test_an_alarm_that_nobody_could_judge_again_has_not_ended():
    unknown = violated("a").model_copy(update={"status": CheckStatus.NOT_JUDGED})

    assert report_ended_alarms([unknown], {"a": "2026-03-04T20:00:00Z"}) == ()


def test_another_unit_comes_before_another_form_of_codes():
    form = violated("id", "text_form_check", 1.0, 0.0)
    drift = violated("weight", observed=0.96, adjusted_p=0.0, distance=0.96, effect=0.9, change="drifted")
    small = violated("channel", observed=0.06, adjusted_p=0.0, distance=0.1, effect=0.1, change="drifted")

    first, second, third = sentences(form, small, drift)

    assert (first, third) == ("weight drifted", "channel drifted")
    assert second.startswith("id violates text form")
