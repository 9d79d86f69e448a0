"""--junit: a test case for each check, as CI servers read them."""

from xml.etree import ElementTree

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.reports.outputs.junit import encode_junit


def result(check, status, feature="plan", **members):
    return CheckResult(feature=feature, check=check, status=status, threshold=None, **members)


def parse_suite(*results):
    [suite] = ElementTree.fromstring(encode_junit(results, "DATA_QUALITY"))
    return suite


def read_cases(suite):
    return suite.findall("testcase")


def test_violations_fail_what_nobody_can_tell_is_skipped_and_the_rest_passes():
    suite = parse_suite(
        result("data_type_check", CheckStatus.VIOLATED, words="plan: 3 % are no numbers", description="Only 97.0%"),
        result("completeness_check", CheckStatus.PASSED),
        result("baseline_drift_check", CheckStatus.CANNOT_TELL, reason="4 values are few", advice="take more rows"),
        result("range_check", CheckStatus.NOT_JUDGED, reason="the baseline has no numbers"),
    )

    counts = {"tests": "4", "failures": "1", "skipped": "2", "errors": "0"}
    assert suite.attrib == {"name": "spark-model-monitor DATA_QUALITY", **counts}
    cases = {case.get("name"): [(tag.tag, tag.get("message"), tag.text) for tag in case] for case in read_cases(suite)}
    assert cases == {
        "data_type_check": [("failure", "plan: 3 % are no numbers", "Only 97.0%")],
        "completeness_check": [],
        "baseline_drift_check": [("skipped", "4 values are few", "take more rows")],
        "range_check": [("skipped", "the baseline has no numbers", None)],
    }
    assert {case.get("classname") for case in read_cases(suite)} == {"DATA_QUALITY.plan"}


def test_the_suite_has_the_outcome_of_the_run():
    suite = parse_suite(result("range_check", CheckStatus.CANNOT_TELL), result("data_type_check", CheckStatus.PASSED))

    assert [(tag.get("name"), tag.get("value")) for tag in suite.iter("property")] == [("outcome", "cannot tell")]
    assert [*parse_suite(result("range_check", CheckStatus.NOT_JUDGED)).iter("property")] == []


def test_what_is_no_violation_of_the_run_fails_nothing():
    # as Model Monitor has none for attributions of one feature (E6.2)
    suite = parse_suite(result("attribution_change_check", CheckStatus.VIOLATED))

    assert (suite.get("failures"), len(read_cases(suite))) == ("0", 1)


def test_names_that_xml_can_not_hold_are_written_as_python_writes_them():
    suite = parse_suite(result("data_type_check", CheckStatus.PASSED, feature='a\x00<b>\ufffe"'))

    assert read_cases(suite)[0].get("classname") == 'DATA_QUALITY.a\\x00<b>\\ufffe"'


def test_the_suite_says_whose_checks_they_are():
    suite = ElementTree.fromstring(encode_junit([], "DATA_QUALITY", ("orders", "hourly")))[0]

    assert suite.get("name") == "spark-model-monitor DATA_QUALITY of orders / hourly"
