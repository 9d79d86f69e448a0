"""Models behind an HTTP address, which get the same requests as an endpoint of the service.

Source: E4.4.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import numpy as np

from spark_model_monitor.documents import json_text
from spark_model_monitor.errors import BadConfiguration, BadInput, suggest_names
from spark_model_monitor.monitors.predictors import Model, Predict, register_predictor
from spark_model_monitor.stopping import run_with_timeout

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from spark_model_monitor.documents.json_text import Json

CSV = "text/csv"
JSON_LINES = "application/jsonlines"
JSON = "application/json"
FEATURES_TEMPLATE = '{"features":$features}'

_PLACEHOLDER = re.compile(r'("?)\$(features_kvp|feature_names|features|\{[^}]{1,256}\})\1')
"""A placeholder with or without quotes. The length of a feature's name is limited, because the search could take
quadratic time.
"""

_RECORDS = re.compile(r"\$records?")

MAX_ATTEMPTS = 5
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 20.0
ROWS_PER_REQUEST = 1000
MAX_BYTES = 5 * 2**20  # maximum size of a request; the service's limit is 6 MB

RETRIED_STATUSES = frozenset({408, 429, *range(500, 600)})
TOO_LARGE = 413

Cell: TypeAlias = float | str | None
Rows: TypeAlias = "Sequence[Sequence[Cell]] | NDArray[np.object_]"


def fill_record(template: str, names: Sequence[str], row: Sequence[Cell]) -> str:
    """The request document of one record: the template with its placeholders filled in. Values are not searched for
    placeholders.

    Raises BadConfiguration for a placeholder without a feature.
    """
    value_by_name = dict(zip(names, row, strict=True))

    def format_value(placeholder: re.Match[str]) -> str:
        name = placeholder[2]
        if name == "features":
            return _format_json(list(row))
        if name == "feature_names":
            return _format_json(list(names))
        if name == "features_kvp":
            return _format_json(value_by_name)
        # `${NAME}` is replaced by the value of one feature
        feature = name[1:-1]
        if feature not in value_by_name:
            hint = suggest_names(feature, names, "the model gets other features", shown=str)
            raise BadConfiguration(
                f"predictor: a template has ${{{feature}}}, which is no feature of the model's input; {hint}"
            )
        return _format_json(value_by_name[feature])

    return _PLACEHOLDER.sub(format_value, template)


class EndpointFormat:
    """The format of an endpoint's requests and responses.

    Raises BadConfiguration for invalid templates.
    """

    def __init__(self, members: Mapping[str, Json]) -> None:
        self.content_type = members.get("content_type") or CSV
        self.accept_type = members.get("accept_type") or self.content_type
        self._content_template = _read_template(members.get("content_template"))
        self._record_template = _read_template(members.get("record_template"))
        self._line_template = self._content_template or FEATURES_TEMPLATE
        self._label = members.get("label")
        self._probability = members.get("probability")
        self._score_location = self._probability
        if self._score_location is None:
            self._score_location = self._label
        BadConfiguration.raise_for(f"predictor.{error}" for error in self._find_errors())

    @property
    def has_single_record(self) -> bool:
        """Whether each request contains only one record."""
        return self.content_type == JSON and "$records" not in self._content_template

    def write_body(self, names: Sequence[str], rows: Rows) -> bytes:
        """The body of the request for some rows."""
        # JSON and CSV need Python's numbers instead of NumPy's
        plain_rows = [[_convert_to_plain(cell) for cell in row] for row in rows]
        # CSV has no header, and the writer leaves the cells of missing values empty, as in the service's requests
        if self.content_type == CSV:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(plain_rows)
            return text.getvalue().encode()
        if self.content_type == JSON_LINES:
            return "\n".join(fill_record(self._line_template, names, row) for row in plain_rows).encode()
        records = [fill_record(self._record_template, names, row) for row in plain_rows]
        # A template with `$record` has a place for only one row, so each row is a separate request
        if self.has_single_record:
            return self._content_template.replace("$record", records[0]).encode()
        return self._content_template.replace("$records", f"[{','.join(records)}]").encode()

    def read_scores(self, body: bytes) -> list[Json]:
        """The scores in a response, one item per row.

        Raises ValueError if the response can't be parsed, or has no scores at the configured location.
        """
        # Without an index, every cell of a line is a score, for example of one class each
        if self.accept_type == CSV and not isinstance(self._score_location, int):
            return [[float(cell) for cell in row] for row in _read_csv_rows(body)]
        row_scores = self._read_location(self._score_location, body)
        if self.accept_type == CSV:
            return [cell if isinstance(cell, list) else float(cell) for cell in row_scores]
        return row_scores

    def read_labels(self, body: bytes) -> list[Json]:
        """The labels in a response, one item per row; if a row has a list of labels, the one with the highest score.

        Raises ValueError if the response can't be parsed, has no labels at the configured location, or lacks scores for a
        list.
        """
        row_labels = self._read_location(self._label, body)
        if not any(isinstance(label, list) for label in row_labels):
            return row_labels
        row_scores = self._read_location(self._probability, body)
        return [_choose_best_label(labels, scores) for labels, scores in zip(row_labels, row_scores, strict=True)]

    def _read_location(self, location: Json, body: bytes) -> list[Json]:
        """The part of a response at a location, one item per row."""
        # A CSV cell may contain a list in brackets, with one number for each class
        if self.accept_type == CSV:
            from spark_model_monitor.data.records.outcome_payloads import parse_list

            return [parse_list(row[location]) for row in _read_csv_rows(body)]
        text = body.decode("utf-8")
        if self.accept_type == JSON_LINES:
            return [_search_document(location, json.loads(line)) for line in text.splitlines() if line.strip()]
        # One JSON document contains the list of all rows, or a single answer if rows are asked one at a time
        match = _search_document(location, json.loads(text))
        if isinstance(match, list) and not self.has_single_record:
            return match
        return [match]

    def _find_errors(self) -> Iterator[str]:
        known_types = (CSV, JSON_LINES, JSON)
        for member, kind in (("content_type", self.content_type), ("accept_type", self.accept_type)):
            if kind not in known_types:
                yield f"{member} is {kind!r}; write one of {', '.join(known_types)}"
        # A line of JSON Lines is one record, so its template contains the features
        if self.content_type == JSON_LINES:
            if self._content_template and self._content_template.count("$features") != 1:
                yield f"content_template has to have $features once, such as {FEATURES_TEMPLATE}"
            elif not json_text.is_json(_PLACEHOLDER.sub("0", self._line_template)):
                yield f"content_template is no JSON with values for its placeholders; write one such as {FEATURES_TEMPLATE}"
        # JSON needs two templates
        if self.content_type == JSON:
            # The template of the whole document
            if "$record" not in self._content_template:
                yield (
                    'content_template is missing; write "$records" where the list of records goes, such as '
                    '{"instances":$records}'
                )
            elif not json_text.is_json(_RECORDS.sub("0", self._content_template)):
                yield 'content_template is no JSON with records in its place; write one such as {"instances":$records}'
            # The template of each record in it
            if "$" not in self._record_template:
                yield f'record_template is missing; write "$features" where a record\'s values go, such as {FEATURES_TEMPLATE}'
            elif not json_text.is_json(_PLACEHOLDER.sub("0", self._record_template)):
                yield f"record_template is no JSON with values for its placeholders; write one such as {FEATURES_TEMPLATE}"
        # Columns of CSV only have positions, so a JMESPath can't select one
        for member, location in (("label", self._label), ("probability", self._probability)):
            if self.accept_type == CSV and isinstance(location, str):
                yield f"{member} is {location!r}; of CSV write the index of its column"


def _read_csv_rows(body: bytes) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(body.decode("utf-8"))) if row]


def _search_document(location: Json, document: Json) -> Json:
    import jmespath

    if location is None:
        match = document
    else:
        match = jmespath.search(str(location), document)
    if match is None:
        raise ValueError(f"nothing is at {location}")
    return match


def _choose_best_label(labels: Json, scores: Json) -> Json:
    """The label with the highest score; the first one if scores are equal."""
    if not isinstance(scores, list) or len(labels) != len(scores) or not all(map(math.isfinite, scores)):
        raise ValueError("a list of labels has no score for each")
    return labels[scores.index(max(scores))]


def _convert_to_plain(cell: Cell) -> Cell:
    """A cell for JSON: whole numbers as integers, None for a missing cell."""
    if not isinstance(cell, float):
        return cell
    if math.isnan(cell):
        return None
    if cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell


def _format_json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read_template(template: Json) -> str:
    """A template as text. In JSON, placeholders are in quotes, which are removed."""
    if template is None:
        return ""
    if not isinstance(template, str):
        template = _format_json(template)
    return str(template).replace('"$records"', "$records").replace('"$record"', "$record")


@register_predictor("http", remedy="install spark-model-monitor[http]")
def load_http(model: Model) -> Predict:
    """An endpoint; `predictor` in the configuration describes its answers."""
    return Endpoint(model.name, model.request, labels=model.labels).predict


class AttemptFailed(Exception):
    """An attempt to call the endpoint failed."""


class Endpoint:
    """An address with the formats of its requests and responses.

    labels: whether labels are returned instead of scores. first_wait_seconds: before the second attempt. read_seconds: the
    time limit of a response.
    """

    def __init__(
        self,
        address: str,
        members: Mapping[str, Json],
        *,
        labels: bool = False,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        import urllib3

        url = urlsplit(address)
        # Messages and logs show the address without user name, password and query, which may be secret
        port = f":{url.port}" if url.port else ""
        self._display_address = f"{url.scheme}://{url.hostname}{port}{url.path}"
        self._address = address
        self._format = EndpointFormat(members)
        # Labels may be texts, but scores have to be numbers
        if labels:
            self._answer_noun = "labels"
            self._read = self._format.read_labels
            self._dtype = object
        else:
            self._answer_noun = "scores"
            self._read = self._format.read_scores
            self._dtype = np.float64
        self._first_wait_seconds = first_wait_seconds
        # urllib3's read timeout starts again with every byte, so there is also a limit for the whole request
        self._max_seconds = CONNECT_SECONDS + read_seconds
        self._headers = {"Content-Type": self._format.content_type, "Accept": self._format.accept_type}
        if members.get("custom_attributes"):
            self._headers["X-Amzn-SageMaker-Custom-Attributes"] = members["custom_attributes"]
        # `_post_with_retries` repeats attempts, because it decides by the status whether that is useful
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.generic]:
        """The scores, or the labels, of all rows.

        Raises BadInput if the endpoint doesn't respond, or with something invalid.
        """
        # Answers are in the order of the rows
        names = list(frame.columns)
        rows = frame.to_numpy(dtype=object)
        step = 1 if self._format.has_single_record else ROWS_PER_REQUEST
        answers: list[Json] = []
        for start in range(0, len(rows), step):
            answers += self._request_answers(names, rows[start : start + step])
        return np.array(answers, dtype=self._dtype)

    def _request_answers(self, names: Sequence[str], rows: Rows) -> list[Json]:
        """The scores or labels of some rows, which are divided if the request is too large."""
        body = self._format.write_body(names, rows)
        answer = None
        # A body that exceeds the service's limit is divided without trying; a single row can't be divided
        if len(body) <= MAX_BYTES or len(rows) == 1:
            answer = self._post_with_retries(body)
        if answer is None:
            if len(rows) == 1:
                raise BadInput(
                    f"the model at {self._display_address} takes no request of {len(body):,} bytes, which is one row"
                )
            half = len(rows) // 2
            return self._request_answers(names, rows[:half]) + self._request_answers(names, rows[half:])
        if self._format.accept_type == CSV and b"\n" not in answer.strip() and answer.count(b",") == len(rows) - 1:
            # The built-in XGBoost answers with one line that has a cell for each row
            answer = answer.replace(b",", b"\n")
        # Labels and numbers are parsed here, where an error can name the endpoint
        try:
            answers = self._read(answer)
            np.array(answers, dtype=self._dtype)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise BadInput(
                f"the model at {self._display_address} answered something else than {self._answer_noun} "
                f"({type(error).__name__}); accept_type, probability and label of predictor say what its answer is"
            ) from None
        if len(answers) != len(rows):
            raise BadInput(f"the model at {self._display_address} gave {len(answers):,} answers for {len(rows):,} rows")
        return answers

    def _post_with_retries(self, body: bytes) -> bytes | None:
        """The response, after at most five attempts; None if the request is too large."""
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        # Waiting times are random, so that executors that were refused together don't retry together
        retrying = Retrying(
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=wait_random_exponential(self._first_wait_seconds, MAX_WAIT_SECONDS),
            retry=retry_if_exception_type(AttemptFailed),
        )
        try:
            return retrying(self._post_once, body)
        except RetryError as error:
            raise BadInput(
                f"the model at {self._display_address} did not answer in {MAX_ATTEMPTS} tries "
                f"({error.last_attempt.exception()})"
            ) from None

    def _post_once(self, body: bytes) -> bytes | None:
        import urllib3

        post = partial(self._pool.request, "POST", self._address, body=body, headers=self._headers)
        try:
            response = run_with_timeout(self._max_seconds, post)
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise AttemptFailed(type(error).__name__) from None
        # The request is too large, so the caller divides the rows
        if response.status == TOO_LARGE:
            return None
        if response.status in RETRIED_STATUSES:
            raise AttemptFailed(f"status {response.status}")
        # Any other status, such as 400 or 403, would be the same in the next attempt
        if response.status != 200:
            raise BadInput(f"the model at {self._display_address} answered with status {response.status}")
        return bytes(response.data)
