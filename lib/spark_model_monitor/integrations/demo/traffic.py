"""The churn endpoint's captures, hour by hour, their later labels, and the example's files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.errors import BadConfiguration, OutputFailed
from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.value_class import value_class

ENDPOINT = "churn"
VARIANT = "AllTraffic"
FILES_PER_HOUR = 4  # captures are delivered every quarter of an hour
MISSING_IN_TRAFFIC = 0.03  # below churn.MISSING_IN_BASELINE, so that completeness is not a second fault

LATE_SHARE = 0.04
LATE_HOURS = 3
NEVER_LABELLED_SHARE = 0.02
LABELLED_TWICE_SHARE = 0.02

CLIENTS = {"android-2.3.1": 0.7, "ios-2.3.0": 0.2, "web-7.2": 0.1}
"""The senders of the requests, and their shares: the `client` named in a request's custom attributes."""


@value_class
class WrongScale:
    """A feature that `client` sends multiplied by `factor`, from hour `first_hour` (counted from 0) of the traffic on."""

    feature: str
    client: str
    factor: float
    first_hour: int
    sentence: str
    follow_up: tuple[str, ...]  # features that change with it: the model's own output


FAULT = WrongScale(
    feature="monthly_charge_eur",
    client="android-2.3.1",
    factor=100.0,
    first_hour=18,
    sentence="android-2.3.1 sends monthly_charge_eur in cents instead of euros",
    follow_up=(churn.LABEL, churn.SCORE),
)


@value_class
class Traffic:
    """The captured requests: `per_hour` in each of the `hours` from `start` (UTC, a full hour) on.

    fault: a fault in the requests, which are otherwise the same to the last id; None if they have no fault.
    """

    hours: int = 24
    per_hour: int = 200
    seed: int = 7
    start: datetime = datetime(2024, 3, 4, tzinfo=timezone.utc)
    fault: WrongScale | None = FAULT

    @property
    def sound_hours(self) -> int:
        """The number of hours before the fault begins."""
        if self.fault is None:
            return self.hours
        return min(self.fault.first_hour, self.hours)


@value_class
class LabelCounts:
    """The arrival of some requests' ground truth: `lines` = requests - never + twice; late labels are lines, too."""

    lines: int
    late: int
    never: int
    twice: int


def captures(traffic: Traffic) -> dict[str, str]:
    """Capture JSON Lines: `<endpoint>/<variant>/yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl` -> the file's text.

    CSV payloads of one row. The output half is `prediction,probability`, the input half `churn.FEATURES`: together they
    meet the columns of `churn.baseline_table` by position.
    """
    files: dict[str, str] = {}
    for hour in _generate_requests(traffic):
        inputs = churn.to_csv(hour.sent, header=False).splitlines()
        outputs = churn.to_csv(hour.answered, header=False).splitlines()
        # The file of each request by its time, because an endpoint begins a new file every few minutes
        quarters = hour.milliseconds * FILES_PER_HOUR // _HOUR_MILLISECONDS
        for quarter in range(FILES_PER_HOUR):
            rows = np.flatnonzero(quarters == quarter)
            # No file is written for a quarter of an hour without requests
            if len(rows):
                lines = [_format_capture_line(hour, row, inputs[row], outputs[row]) for row in rows]
                files[_make_capture_path(hour, quarter, int(hour.milliseconds[rows[0]]))] = "".join(lines)
    return files


def make_kserve_events(traffic: Traffic) -> dict[str, str]:
    """The requests as KServe's inference logger writes them, CloudEvents in JSON Lines: path -> the file's text."""
    return {
        f"{hour.start:%Y/%m/%d/%H}/events.jsonl": "".join(_make_event_lines(hour))
        for hour in _generate_requests(traffic)
    }


def _make_event_lines(hour: _Hour) -> Iterator[str]:
    """The events of an hour: each request, and its answer a moment later."""
    named_answers = hour.answered.set_axis([churn.LABEL, churn.SCORE], axis="columns")
    requests = json.loads(hour.sent.to_json(orient="records"))
    answers = json.loads(named_answers.to_json(orient="records"))
    for row, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        moment = hour.start + timedelta(milliseconds=int(hour.milliseconds[row]))
        payloads = (
            ("request", {"instances": [request]}, 0),
            ("response", {"predictions": [answer]}, ANSWER_MILLISECONDS),
        )
        for kind, data, delay in payloads:
            event = dict(EVENT)
            event["type"] = f"org.kubeflow.serving.inference.{kind}"
            event["id"] = str(hour.event_ids[row])
            event["time"] = (moment + timedelta(milliseconds=delay)).isoformat()
            yield _format_json_line({**event, "data": data})


ANSWER_MILLISECONDS = 12
EVENT = {"specversion": "1.0", "source": "http://localhost:9081/", "datacontenttype": "application/json"}


def ground_truth(traffic: Traffic) -> dict[str, str]:
    """Ground-truth JSON Lines: `yyyy/mm/dd/hh/labels.jsonl` -> the file's text; the hour is that in which the label arrives.

    A label belongs to a request by its inference id. Most labels arrive in the hour of the request. Of each hour's labels,
    the share `LATE_SHARE` arrives `LATE_HOURS` later, `NEVER_LABELLED_SHARE` never, and `LABELLED_TWICE_SHARE` again in the
    next hour, with the same value. `label_counts` has the numbers.
    """
    lines: defaultdict[datetime, list[str]] = defaultdict(list)
    for hour in _generate_requests(traffic):
        shuffled = np.random.default_rng([traffic.seed, 2, hour.number]).permutation(traffic.per_hour)
        never, late, twice, _ = map(set, np.split(shuffled, np.cumsum(_count_irregular_labels(traffic.per_hour))))
        for row in range(traffic.per_hour):
            if row in never:
                continue
            line = _format_label_line(hour, row)
            delay_hours = LATE_HOURS if row in late else 0
            lines[hour.start + timedelta(hours=delay_hours)].append(line)
            if row in twice:
                lines[hour.start + timedelta(hours=1)].append(line)
    return {f"{arrival:%Y/%m/%d/%H}/labels.jsonl": "".join(lines[arrival]) for arrival in sorted(lines)}


def label_counts(traffic: Traffic) -> LabelCounts:
    """The numbers of labels that are late, never arrive, or arrive twice in `ground_truth(traffic)`."""
    never, late, twice = (traffic.hours * count for count in _count_irregular_labels(traffic.per_hour))
    return LabelCounts(lines=traffic.hours * traffic.per_hour - never + twice, late=late, never=never, twice=twice)


def describe_fault(traffic: Traffic) -> dict[str, Json]:
    """The content of `fault.json`: what a monitor should find in `traffic`, and where.

    `fault` is null if the traffic has no fault, or ends before the fault begins.
    """
    fault: dict[str, Json] | None = None
    if traffic.fault is not None and traffic.sound_hours < traffic.hours:
        faulty_requests = 0
        for hour in _generate_requests(traffic):
            if hour.number >= traffic.sound_hours:
                faulty_requests += int((hour.clients == traffic.fault.client).sum())
        fault = {
            "sentence": traffic.fault.sentence,
            "feature": traffic.fault.feature,
            "client": traffic.fault.client,
            "factor": traffic.fault.factor,
            "start": format_moment(traffic.start + timedelta(hours=traffic.sound_hours)),
            "captures": faulty_requests,
            "follow_up": list(traffic.fault.follow_up),
        }
    requests = {
        "start": format_moment(traffic.start),
        "end": format_moment(traffic.start + timedelta(hours=traffic.hours)),
        "captures": traffic.hours * traffic.per_hour,
    }
    return {"traffic": requests, "fault": fault, "labels": asdict(label_counts(traffic))}


_HOUR_MILLISECONDS = 3_600_000


@value_class
class _Hour:
    """One hour's requests in the order of their times; every array and table has a row per request."""

    number: int
    start: datetime
    milliseconds: Integers  # since `start`, ascending
    sent: pd.DataFrame  # as the caller sent it, the fault included
    answered: pd.DataFrame  # prediction, probability
    labels: Integers
    clients: NDArray[np.str_]
    event_ids: tuple[UUID, ...]
    inference_ids: tuple[UUID, ...]
    file_ids: tuple[UUID, ...]  # one per quarter


def _generate_requests(traffic: Traffic) -> Iterator[_Hour]:
    """Each hour has a random stream of its own, so that an hour is the same however many follow it."""
    for number in range(traffic.hours):
        rng = np.random.default_rng([traffic.seed, 1, number])
        customers = churn.draw_customers(traffic.per_hour, rng, missing_share=MISSING_IN_TRAFFIC)
        labels = churn.draw_labels(customers, rng)
        # Clients have a random stream of their own, so that customers don't depend on them
        choice = np.random.default_rng([traffic.seed, 3, number]).choice
        clients = choice(list(CLIENTS), size=traffic.per_hour, p=list(CLIENTS.values()))
        sent = customers
        if traffic.fault is not None and number >= traffic.fault.first_hour:
            sent = _add_fault(customers, clients == traffic.fault.client, traffic.fault)
        # The model gets the faulty inputs, while labels depend on the true ones
        scores = churn.score(sent)
        yield _Hour(
            number=number,
            start=traffic.start + timedelta(hours=number),
            milliseconds=np.sort(rng.integers(0, _HOUR_MILLISECONDS, traffic.per_hour)),
            sent=sent,
            answered=pd.DataFrame({"prediction": churn.decide(scores), "probability": scores}),
            labels=labels,
            clients=clients,
            event_ids=_draw_uuids(traffic.per_hour, rng),
            inference_ids=_draw_uuids(traffic.per_hour, rng),
            file_ids=_draw_uuids(FILES_PER_HOUR, rng),
        )


def _add_fault(customers: pd.DataFrame, is_hit: Flags, fault: WrongScale) -> pd.DataFrame:
    # Rounded, because a product of decimals has digits (32.84 * 100 = 3284.0000000000005) that no caller would send
    faulty = (customers[fault.feature] * fault.factor).round(2)
    sent: pd.DataFrame = customers.assign(**{fault.feature: faulty.where(is_hit, customers[fault.feature])})
    return sent


def _draw_uuids(count: int, rng: np.random.Generator) -> tuple[UUID, ...]:
    return tuple(UUID(bytes=rng.bytes(16), version=4) for _ in range(count))


def _make_capture_path(hour: _Hour, quarter: int, first_millisecond: int) -> str:
    minutes, millisecond_of_minute = divmod(first_millisecond, 60_000)
    seconds, milliseconds = divmod(millisecond_of_minute, 1_000)
    name = f"{minutes:02d}-{seconds:02d}-{milliseconds:03d}-{hour.file_ids[quarter]}.jsonl"
    return f"{ENDPOINT}/{VARIANT}/{hour.start:%Y/%m/%d/%H}/{name}"


def _format_capture_line(hour: _Hour, row: int, sent: str, answered: str) -> str:
    return _format_json_line(
        {
            "captureData": {
                "endpointInput": _describe_payload("INPUT", "text/csv", sent),
                "endpointOutput": _describe_payload("OUTPUT", "text/csv; charset=utf-8", answered),
            },
            "eventMetadata": {
                "eventId": str(hour.event_ids[row]),
                "inferenceId": str(hour.inference_ids[row]),
                "inferenceTime": format_moment(hour.start + timedelta(milliseconds=int(hour.milliseconds[row]))),
                "customAttributes": [f"client={hour.clients[row]}"],
            },
            "eventVersion": "0",
        }
    )


def _describe_payload(mode: str, content_type: str, data: str) -> dict[str, str]:
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": "CSV"}


def _format_label_line(hour: _Hour, row: int) -> str:
    return _format_json_line(
        {
            "groundTruthData": {"data": str(hour.labels[row]), "encoding": "CSV"},
            "eventMetadata": {"eventId": str(hour.inference_ids[row])},
            "eventVersion": "0",
        }
    )


def _count_irregular_labels(per_hour: int) -> tuple[int, int, int]:
    """Numbers of one hour's labels that never arrive, arrive late, arrive twice."""
    never, late, twice = (int(share * per_hour) for share in (NEVER_LABELLED_SHARE, LATE_SHARE, LABELLED_TWICE_SHARE))
    return never, late, twice


def _format_json_line(record: Mapping[str, Json]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


BASELINE = "baseline.csv"
VALIDATION = "validation.csv"
CAPTURES = "captures"
KSERVE = "kserve"
GROUND_TRUTH = "ground-truth"
FAULT_HOUR = "fault.json"
ANALYSIS = "analysis_config.json"
HOURS = "hours"
EXPLAINED = "explained"
"""Folders for later results on each hour: on its data, and on the model's attributions."""


def write_data_set(
    directory: str | Path, *, rows: int = 20_000, traffic: Traffic | None = None, server: str | None = None
) -> None:
    """Writes a baseline of `rows` customers with the model's predictions, the captures and labels of `traffic`, a description of
    the planted fault, and the configuration of the model's explanation. traffic: by default a day. server: the model server whose
    log is written, too.

    Raises BadConfiguration if `captures/` or `ground-truth/` already holds other files, which a job would read along;
    OutputFailed if the directory can't be written.
    """
    directory = Path(directory)
    traffic = traffic or Traffic()
    baseline = churn.baseline_table(rows, traffic.seed)
    files = {BASELINE: churn.to_csv(baseline, header=True)}
    files[VALIDATION] = churn.to_csv(churn.validation_table(baseline), header=True)
    files |= {f"{CAPTURES}/{path}": text for path, text in captures(traffic).items()}
    files |= {f"{GROUND_TRUTH}/{path}": text for path, text in ground_truth(traffic).items()}
    if server == KSERVE:
        files |= {f"{KSERVE}/{path}": text for path, text in make_kserve_events(traffic).items()}
    files[ANALYSIS] = json.dumps(churn.explanation(), indent=2) + "\n"
    files[FAULT_HOUR] = json.dumps(describe_fault(traffic), indent=2) + "\n"
    _refuse_other_files(directory, files)
    try:
        for path, text in files.items():
            target = directory / path
            content = text.encode("utf-8")
            target.parent.mkdir(parents=True, exist_ok=True)
            # A file that is already correct keeps its modification time, which a job's ledger has
            if not target.is_file() or target.read_bytes() != content:
                target.write_bytes(content)
    except OSError as error:
        failed_path = error.filename or directory
        reason = error.strerror or type(error).__name__
        raise OutputFailed(
            f"{failed_path} can't be written ({reason}); give a directory of your own with --output"
        ) from error


def _refuse_other_files(directory: Path, files: Mapping[str, str]) -> None:
    for folder in (CAPTURES, GROUND_TRUTH):
        for existing_file in sorted((directory / folder).rglob("*.jsonl")):
            if existing_file.relative_to(directory).as_posix() not in files:
                raise BadConfiguration(
                    f"{existing_file} is no file of this data set, and jobs would read it along; "
                    f"remove {directory / folder} or give an empty directory with --output"
                )
