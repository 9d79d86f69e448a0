"""A model behind an address: a real server on this machine that answers well, late, half, or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.ports import reserved_port
from tests.servers import http_server, send_reply

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.predictors.http import MAX_ATTEMPTS, Endpoint

FRAME = pd.DataFrame({"a": np.arange(2500.0), "b": 0.5})


def scoring(handler):
    """Answers CSV: for each line the sum of its numbers."""
    lines = handler.server.requests[-1][2].decode().splitlines()
    send_reply(handler, "".join(f"{sum(map(float, line.split(',')))}\n" for line in lines))


def endpoint(server, **members):
    return Endpoint(f"{server.url}/invocations?token=secret", members, first_wait_seconds=0)


def test_rows_are_sent_by_the_thousand_and_scored_in_their_order():
    with http_server(scoring) as server:
        scores = endpoint(server).predict(FRAME)

    np.testing.assert_array_equal(scores[:, 0], FRAME["a"] + 0.5)
    assert [len(body.splitlines()) for _, _, body in server.requests] == [1000, 1000, 500]
    assert server.requests[0][1]["Content-Type"] == "text/csv"


def half(handler):
    send_reply(handler, "1\n", announced=1000)
    handler.close_connection = True


@pytest.mark.parametrize("fault", [429, 500, 503, 408, half], ids=("429", "500", "503", "408", "half"))
def test_what_may_pass_is_tried_again(fault):
    with http_server(fault, fault, scoring) as server:
        scores = endpoint(server).predict(FRAME[:2])

    assert scores.tolist() == [[0.5], [1.5]]
    assert len(server.requests) == 3


def test_who_does_not_answer_in_time_is_asked_again():
    def wait_until_the_client_leaves(handler):
        handler.rfile.read(1)

    with http_server(wait_until_the_client_leaves, scoring) as server:
        scores = Endpoint(f"{server.url}/invocations", {}, first_wait_seconds=0, read_seconds=0.5).predict(FRAME[:2])

    assert scores.tolist() == [[0.5], [1.5]]


@pytest.mark.parametrize(
    ("fault", "failure"),
    [(500, "status 500"), (429, "status 429"), (half, "ProtocolError")],
    ids=("500", "429", "half"),
)
def test_what_does_not_pass_ends_after_five_tries_and_says_so_without_the_query(fault, failure):
    with (
        http_server(fault) as server,
        pytest.raises(BadInput, match=rf"did not answer in 5 tries \({failure}\)") as raised,
    ):
        endpoint(server).predict(FRAME[:2])

    assert len(server.requests) == MAX_ATTEMPTS
    assert "secret" not in str(raised.value)


def test_nobody_there_is_one_sentence():
    with reserved_port() as port, pytest.raises(BadInput, match="did not answer in 5 tries"):
        Endpoint(f"http://127.0.0.1:{port}/invocations", {}, first_wait_seconds=0).predict(FRAME[:1])


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_scores_of_all_rows_in_one_line_are_a_score_for_each(rows):
    """As the built-in XGBoost answers CSV."""

    def answering(handler):
        send_reply(
            handler, ",".join(line.split(",")[0] for line in handler.server.requests[-1][2].decode().splitlines())
        )

    with http_server(answering) as server:
        assert endpoint(server).predict(FRAME[:rows]).tolist() == [[a] for a in FRAME["a"][:rows]]


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_a_refusal_is_not_tried_again(status):
    with http_server(status) as server, pytest.raises(BadInput, match=f"answered with status {status}"):
        endpoint(server).predict(FRAME[:2])

    assert len(server.requests) == 1


def picky(handler):
    """Takes at most 300 rows."""
    if len(handler.server.requests[-1][2].splitlines()) > 300:
        send_reply(handler, "", status=413)
    else:
        scoring(handler)


def test_a_request_that_is_too_large_is_halved():
    with http_server(picky) as server:
        scores = endpoint(server).predict(FRAME[:1000])

    np.testing.assert_array_equal(scores[:, 0], FRAME["a"][:1000] + 0.5)


def test_one_row_that_is_too_large_is_one_sentence():
    with http_server(413) as server, pytest.raises(BadInput, match="takes no request of 6 bytes, which is one row"):
        endpoint(server).predict(FRAME[:1])


def test_labels_that_are_not_there_are_one_sentence():
    with http_server(lambda handler: send_reply(handler, "yes\nno\n")) as server:
        named = Endpoint(server.url, {"label": 1}, labels=True)

        with pytest.raises(BadInput, match=r"something else than labels \(IndexError\)"):
            named.predict(FRAME[:2])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1\n", "gave 1 answers for 2 rows"),
        ("<html>", "something else than scores"),
        ("1\n2,3\n", "something else than scores"),
    ],
)
def test_an_answer_that_is_no_scores_is_one_sentence(text, sentence):
    with http_server(lambda handler: send_reply(handler, text)) as server, pytest.raises(BadInput, match=sentence):
        endpoint(server).predict(FRAME[:2])
