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
from spark_model_monitor.errors import BadConfiguration, BadInput, did_you_mean
from spark_model_monitor.monitors.predictors import Model, Predict, register_predictor
from spark_model_monitor.stopping import run_within

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

Cell: TypeAlias = float | str | None
Rows: TypeAlias = "Sequence[Sequence[Cell]] | NDArray[np.object_]"

_RECORDS = re.compile(r"\$records?")


def fill_record(template: str, names: Sequence[str], row: Sequence[Cell]) -> str:
    """The request document of one record: the template with its placeholders filled in. Values are not searched for
    placeholders.

    Raises BadConfiguration for a placeholder without a feature.
    """
    by_name = dict(zip(names, row, strict=True))

    def format_value(placeholder: re.Match[str]) -> str:
        name = placeholder[2]
        if name == "features":
            return _format_json(list(row))
        if name == "feature_names":
            return _format_json(list(names))
        if name == "features_kvp":
            return _format_json(by_name)
        # `${NAME}` is replaced by the value of one feature
        feature = name[1:-1]
        if feature not in by_name:
            hint = did_you_mean(feature, names, "the model gets other features", shown=str)
            raise BadConfiguration(
                f"predictor: a template has ${{{feature}}}, which is no feature of the model's input; {hint}"
            )
        return _format_json(by_name[feature])

    return _PLACEHOLDER.sub(format_value, template)


class RequestFormat:
    """The format of requests and responses.

    Raises BadConfiguration for invalid templates.
    """

    def __init__(self, members: Mapping[str, Json]) -> None:
        self.content_type = members.get("content_type") or CSV
        self.accept_type = members.get("accept_type") or self.content_type
        self._content = _read_template(members.get("content_template"))
        self._record = _read_template(members.get("record_template"))
        self._line = self._content or FEATURES_TEMPLATE
        self._label = members.get("label")
        self._probability = members.get("probability")
        if self._probability is None:
            self._scores = self._label
        else:
            self._scores = self._probability
        errors = list(self._find_errors())
        if errors:
            raise BadConfiguration.gathered([f"predictor.{error}" for error in errors])

    @property
    def one_at_a_time(self) -> bool:
        """Whether each request contains only one record."""
        return self.content_type == JSON and "$records" not in self._content

    def write_body(self, names: Sequence[str], rows: Rows) -> bytes:
        """The body of the request for some rows."""
        # JSON and CSV need Python's numbers instead of NumPy's
        plain = [[_convert_to_plain(cell) for cell in row] for row in rows]
        # CSV has no header, and missing values are empty cells, as in the service's requests
        if self.content_type == CSV:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(
                ["" if cell is None else cell for cell in row] for row in plain
            )
            return text.getvalue().encode()
        if self.content_type == JSON_LINES:
            return "\n".join(fill_record(self._line, names, row) for row in plain).encode()
        records = [fill_record(self._record, names, row) for row in plain]
        # A template with `$record` has a place for only one row, so each row is a separate request
        if self.one_at_a_time:
            return self._content.replace("$record", records[0]).encode()
        return self._content.replace("$records", f"[{','.join(records)}]").encode()

    def scores(self, body: bytes) -> list[Json]:
        """The scores in a response, one item per row.

        Raises ValueError if the response can't be parsed, or has no scores at the configured location.
        """
        # Without an index, every cell of a line is a score, for example of one class each
        if self.accept_type == CSV and not isinstance(self._scores, int):
            return [[float(cell) for cell in row] for row in _read_csv_rows(body)]
        row_scores = self._read_location(self._scores, body)
        if self.accept_type == CSV:
            return [cell if isinstance(cell, list) else float(cell) for cell in row_scores]
        return row_scores

    def labels(self, body: bytes) -> list[Json]:
        """The labels in a response, one item per row; if a row has a list of labels, the one with the highest score.

        Raises ValueError if the response can't be parsed, has no labels at the configured location, or lacks scores for a
        list.
        """
        row_labels = self._read_location(self._label, body)
        if not any(isinstance(label, list) for label in row_labels):
            return row_labels
        return [
            _choose_best_label(*pair)
            for pair in zip(row_labels, self._read_location(self._probability, body), strict=True)
        ]

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
        rows_found = _search_document(location, json.loads(text))
        if isinstance(rows_found, list) and not self.one_at_a_time:
            return rows_found
        return [rows_found]

    def _find_errors(self) -> Iterator[str]:
        known_types = (CSV, JSON_LINES, JSON)
        for member, kind in (("content_type", self.content_type), ("accept_type", self.accept_type)):
            if kind not in known_types:
                yield f"{member} is {kind!r}; write one of {', '.join(known_types)}"
        # A line of JSON Lines is one record, so its template contains the features
        if self.content_type == JSON_LINES and self._content and self._content.count("$features") != 1:
            yield f"content_template has to have $features once, such as {FEATURES_TEMPLATE}"
        elif self.content_type == JSON_LINES and not json_text.is_json(_PLACEHOLDER.sub("0", self._line)):
            yield f"content_template is no JSON with values for its placeholders; write one such as {FEATURES_TEMPLATE}"
        # JSON needs two templates: of the whole document, and of each record in it
        if self.content_type == JSON and "$record" not in self._content:
            yield 'content_template is missing; write "$records" where the list of records goes, such as {"instances":$records}'
        elif self.content_type == JSON and not json_text.is_json(_RECORDS.sub("0", self._content)):
            yield 'content_template is no JSON with records in its place; write one such as {"instances":$records}'
        if self.content_type == JSON and "$" not in self._record:
            yield f'record_template is missing; write "$features" where a record\'s values go, such as {FEATURES_TEMPLATE}'
        elif self.content_type == JSON and not json_text.is_json(_PLACEHOLDER.sub("0", self._record)):
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
    if isinstance(template, str):
        text = template
    else:
        text = _format_json(template)
    if template is None:
        text = ""
    return text.replace('"$records"', "$records").replace('"$record"', "$record")


TRIES = 5
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 20.0
ROWS_AT_ONCE = 1000
MAX_BYTES = 5 * 2**20  # maximum size of a request; the service's limit is 6 MB

TRY_AGAIN = frozenset({408, 429, *range(500, 600)})
TOO_LARGE = 413


@register_predictor("http", remedy="install spark-model-monitor[http]")
def load_http(model: Model) -> Predict:
    """An endpoint; `predictor` in the configuration describes its answers."""
    return Endpoint(model.name, model.request, labels=model.labels).predict


class Unanswered(Exception):
    """An attempt to call the endpoint failed."""


class Endpoint:
    """An address with the formats of its requests and responses.

    labels: whether labels are returned instead of scores. waits, reads: seconds before the second attempt, and time limit
    of a response.
    """

    def __init__(
        self,
        address: str,
        members: Mapping[str, Json],
        *,
        labels: bool = False,
        waits: float = FIRST_WAIT_SECONDS,
        reads: float = READ_SECONDS,
    ) -> None:
        import urllib3

        parts = urlsplit(address)
        # Messages and logs show the address without user name, password and query, which may be secret
        self._shown = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        self._address = address
        self._request = RequestFormat(members)
        # Labels may be texts, but scores have to be numbers
        if labels:
            self._read = self._request.labels
            self._kind = object
        else:
            self._read = self._request.scores
            self._kind = np.float64
        self._waits = waits
        # urllib3's read timeout starts again with every byte, so there is also a limit for the whole request
        self._longest = CONNECT_SECONDS + reads
        self._headers = {"Content-Type": self._request.content_type, "Accept": self._request.accept_type}
        if members.get("custom_attributes"):
            self._headers["X-Amzn-SageMaker-Custom-Attributes"] = members["custom_attributes"]
        # `_ask` repeats attempts, because it decides by the status whether that is useful
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=reads))

    def predict(self, frame: pd.DataFrame) -> NDArray[np.generic]:
        """The scores, or the labels, of all rows.

        Raises BadInput if the endpoint doesn't respond, or with something invalid.
        """
        # Answers are in the order of the rows
        names = list(frame.columns)
        rows = frame.to_numpy(dtype=object)
        at_once = 1 if self._request.one_at_a_time else ROWS_AT_ONCE
        scores: list[Json] = []
        for start in range(0, len(rows), at_once):
            scores += self._scores(names, rows[start : start + at_once])
        return np.array(scores, dtype=self._kind)

    def _scores(self, names: Sequence[str], rows: Rows) -> list[Json]:
        body = self._request.write_body(names, rows)
        answer = None
        # A body that exceeds the service's limit is divided without trying; a single row can't be divided
        if len(body) <= MAX_BYTES or len(rows) == 1:
            answer = self._ask(body)
        if answer is None:
            if len(rows) == 1:
                raise BadInput(f"the model at {self._shown} takes no request of {len(body):,} bytes, which is one row")
            half = len(rows) // 2
            return [*self._scores(names, rows[:half]), *self._scores(names, rows[half:])]
        if self._request.accept_type == CSV and b"\n" not in answer.strip() and answer.count(b",") == len(rows) - 1:
            # The built-in XGBoost answers with one line that has a cell for each row
            answer = answer.replace(b",", b"\n")
        # Labels and numbers are parsed here, where an error can name the endpoint
        try:
            answers = self._read(answer)
            np.array(answers, dtype=self._kind)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise BadInput(
                f"the model at {self._shown} answered something else than {self._read.__name__} ({type(error).__name__}); "
                "accept_type, probability and label of predictor say what its answer is"
            ) from None
        if len(answers) != len(rows):
            raise BadInput(f"the model at {self._shown} gave {len(answers):,} answers for {len(rows):,} rows")
        return answers

    def _ask(self, body: bytes) -> bytes | None:
        """The response, after at most five attempts; None if the request is too large."""
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        # Waiting times are random, so that executors that were refused together don't retry together
        tries = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(self._waits, MAX_WAIT_SECONDS),
            retry=retry_if_exception_type(Unanswered),
        )
        try:
            answer: bytes | None = tries(self._try, body)
        except RetryError as error:
            raise BadInput(
                f"the model at {self._shown} did not answer in {TRIES} tries ({error.last_attempt.exception()})"
            ) from None
        return answer

    def _try(self, body: bytes) -> bytes | None:
        import urllib3

        ask = partial(self._pool.request, "POST", self._address, body=body, headers=self._headers)
        try:
            answer = run_within(self._longest, ask)
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise Unanswered(type(error).__name__) from None
        # The request is too large, so the caller divides the rows
        if answer.status == TOO_LARGE:
            return None
        if answer.status in TRY_AGAIN:
            raise Unanswered(f"status {answer.status}")
        # Any other status, such as 400 or 403, would be the same in the next attempt
        if answer.status != 200:
            raise BadInput(f"the model at {self._shown} answered with status {answer.status}")
        return bytes(answer.data)
