"""openlineage:URL: the verdict as assertions about a data set, for catalogs of lineage."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spark_model_monitor import __version__
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.notices import Report
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.sinks import (
    TEMPORARY_STATUSES,
    Environment,
    TemporaryFailure,
    check_url,
    register_sink,
    require_library,
)

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.facet_v2 import InputDatasetFacet

NAMESPACE = "OPENLINEAGE_NAMESPACE"
KEY = "OPENLINEAGE_API_KEY"
"""Environment variables of the OpenLineage library."""

NO_CHANGE = "no_change"  # the name of the assertion about the whole run


@register_sink(
    "openlineage",
    spelling="openlineage:URL",
    examined=partial(check_url, "openlineage"),
    ready=require_library("openlineage", "openlineage.client", "its client"),
    every_run=True,
)
def openlineage(report: Report, url: str, environment: Environment) -> None:
    """A run event of OpenLineage: the run's verdict and its violations as assertions about the data set.

    Raises SinkFailed.
    """
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
    from requests import RequestException

    settings = HttpConfig(url, timeout=environment.timeout_seconds)
    if key := environment.variable(KEY):
        settings.auth = ApiKeyTokenProvider({"apiKey": key})
    event = _make_event(report, environment.variable(NAMESPACE) or "default")
    host = urlsplit(url).hostname
    try:
        HttpTransport(settings).emit(event)
    # The library's message isn't shown, because it has the whole address
    except RequestException as error:
        status = getattr(error.response, "status_code", None)
        if status is not None and status not in TEMPORARY_STATUSES:
            raise SinkFailed(f"{host} answered {status}; check the URL and {KEY}") from None
        reason = status or type(error).__name__
        raise TemporaryFailure(f"{host} could not be reached ({reason})") from None


def _make_event(report: Report, namespace: str) -> RunEvent:
    from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facet

    # The assertion about the whole run comes first; it isn't a success if the run can't tell
    is_good = not report.verdict.violations and report.verdict.outcome is not Outcome.CANNOT_TELL
    assertions = [facet.Assertion(NO_CHANGE, is_good)]
    # Names of features may have line breaks
    for violation in report.verdict.worst:
        column = printable(str(violation["feature_name"]))
        assertions.append(facet.Assertion(str(violation["constraint_check_type"]), False, column))
    facets: dict[str, InputDatasetFacet] = {
        "dataQualityAssertions": facet.DataQualityAssertionsDatasetFacet(assertions),
    }
    # The data set has the name of its model, if there is a model
    name = report.run.model or report.run.schedule or report.run.analysis_type
    return RunEvent(
        eventTime=report.time.isoformat(),
        producer=f"urn:spark-model-monitor:{__version__}",
        # Another attempt to send the same report, or a rerun with the same result, has the same id
        run=Run(str(uuid.uuid5(uuid.NAMESPACE_URL, report.delivery_id))),
        job=Job(namespace, f"spark-model-monitor.{report.run.analysis_type}.{report.run.schedule or name}"),
        eventType=RunState.COMPLETE,
        inputs=[InputDataset(namespace, name, facets)],
    )
