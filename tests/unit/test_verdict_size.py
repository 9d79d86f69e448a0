"""What `tests.verdict_size` counts."""

import ast

import pytest
from tests.verdict_size import find_literal_numbers, find_named_numbers, list_withholding


@pytest.mark.parametrize(
    ("code", "named", "literal"),
    [
        pytest.param("LEAST = 0.05", 1, 0, id="a constant"),
        pytest.param("LEAST: float = -1 / 720", 1, 0, id="a constant that is computed"),
        pytest.param("IS_ON = True", 0, 0, id="a flag"),
        pytest.param("LIMITS = {'a': 0.05, 'b': 1}", 0, 1, id="a table"),
        pytest.param("def f(x, y=7):\n    return x[-1] + 2 * y + 0.5", 0, 2, id="a function"),
        pytest.param("class A:\n    least: int = 3", 0, 1, id="a record"),
        pytest.param("NAME = f'{LEAST:.3f} of 100'", 0, 0, id="a text"),
    ],
)
def test_numbers_that_decide(code, named, literal):
    tree = ast.parse(code)
    assert len([*find_named_numbers("a.py", tree)]) == named
    assert len([*find_literal_numbers("a.py", tree)]) == literal


@pytest.mark.parametrize(
    ("code", "count"),
    [
        pytest.param("def f(x):\n    return x.as_cannot_tell(REASON)", 1, id="a method"),
        pytest.param("def f(x):\n    return Finding(CheckStatus.NOT_JUDGED, reason=REASON)", 1, id="a status"),
        pytest.param("def f(x):\n    return replace(x, status=Status.CANNOT_TELL)", 1, id="a status by its name"),
        pytest.param("def f(x):\n    return x.status is CheckStatus.NOT_JUDGED", 0, id="a comparison"),
        pytest.param(
            "def f(x, reason):\n    return x.as_cannot_tell(reason)\n\ndef g(x):\n    return f(x, A) or f(x, B)",
            2,
            id="calls of a function that is given the reason",
        ),
    ],
)
def test_places_that_withhold(code, count, tmp_path):
    room = tmp_path / "statistics" / "verdicts"
    room.mkdir(parents=True)
    (room / "a.py").write_text(code)
    assert len(list_withholding(tmp_path)) == count
