"""The table of docs/engines.md of where the package runs is what the README's example gives there: verdicts and bytes."""

import re

import pytest
from tests.at_hand import require
from tests.clients.grounds import GROUNDS, HEAD, SAME, came_out, read_table, row
from tests.environments import ROOT

ENGINES = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ground_answers():
    return came_out([ground for ground in GROUNDS if ground.environment.python.is_file()])


@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.key)
def test_the_page_has_what_came_out_on_this_ground(ground_answers, ground):
    require(ground.key in ground_answers, f"{ground.environment.python} is not at hand; `make nightly` makes it")

    assert row(ground, ground_answers[ground.key], ground_answers[GROUNDS[0].key]) in read_table(ENGINES)


def test_the_table_has_these_grounds_and_everywhere_the_same_verdict_and_bytes_but_for_who_evaluated():
    table = read_table(ENGINES)

    assert table.startswith(HEAD)
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in table.removeprefix(HEAD).splitlines()]
    titles = [re.escape(ground.title) for ground in GROUNDS]
    patterns = [re.sub(r"\\\{[^}]*\\\}", r"\\d[\\d.]*", title) for title in titles]
    assert len(rows) == len(GROUNDS)
    assert all(re.fullmatch(pattern, title) for pattern, (title, *_) in zip(patterns, rows, strict=True))
    assert {verdict for _, verdict, _ in rows} == {"country"}
    by_deequ = [ground.kind == "JAR" for ground in GROUNDS]  # run.json says which Deequ evaluated
    assert [files for *_, files in rows] == [f"{SAME} but run.json" if deequ_used else SAME for deequ_used in by_deequ]
