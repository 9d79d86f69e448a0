"""The checks of a run as JUnit XML, which CI servers show next to the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spark_model_monitor.documents.change_description import describe_finding
from spark_model_monitor.documents.check_results import WINDOW_NAME, CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import judge_run
from spark_model_monitor.reports.outputs.printable import printable

SKIPPED = frozenset({CheckStatus.CANNOT_TELL, CheckStatus.NOT_JUDGED})


def encode_junit(check_results: Iterable[CheckResult], analysis_type: str, names: Sequence[str] = ()) -> bytes:
    """The XML with one test case per check: violations are failures; checks that can't tell are skipped, with the reason and what
    to do. The suite has the run's outcome. names: the names of the model or the data set, and of the schedule.
    """
    from xml.etree import ElementTree  # not needed without `--junit`

    # The suite's name says which model or data set was checked; its properties have the outcome
    whose_checks = " of ".join(filter(None, (analysis_type, " / ".join(names))))
    suite = ElementTree.Element("testsuite", name=_replace_invalid(f"spark-model-monitor {whose_checks}"), errors="0")
    check_results = tuple(check_results)
    outcome = judge_run(check_results)
    if outcome is not None:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", name="outcome", value=outcome.value)
    # A test case for each check
    for check_result in check_results:
        name, part = check_result.subject
        case = ElementTree.SubElement(
            suite, "testcase", classname=_replace_invalid(f"{analysis_type}.{name or WINDOW_NAME}")
        )
        case.set("name", _replace_invalid(f"{check_result.check} of {part}" if part else check_result.check))
        if check_result.is_violation:
            failure = ElementTree.SubElement(case, "failure", message=_replace_invalid(describe_finding(check_result)))
            failure.set("type", check_result.check)
            failure.text = _replace_invalid(check_result.description or "")
        elif check_result.status in SKIPPED:
            skipped = ElementTree.SubElement(
                case, "skipped", message=_replace_invalid(check_result.reason or check_result.status.value)
            )
            skipped.text = _replace_invalid(check_result.advice or "") or None
    for name, path in {"tests": "testcase", "failures": "testcase/failure", "skipped": "testcase/skipped"}.items():
        suite.set(name, str(len(suite.findall(path))))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def _replace_invalid(text: str) -> str:
    """The text on one line, without characters that XML 1.0 doesn't allow."""
    return printable(text).translate({0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"})
