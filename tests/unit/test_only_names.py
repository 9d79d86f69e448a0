"""What `tests.only_names` calls equal but for names, and what it notices."""

from __future__ import annotations

import textwrap

import pytest
from tests.only_names import TreeComparison, main


def compare_trees(old, new, **options):
    """The problems between two trees of texts by their path."""
    comparison = TreeComparison(**options)
    comparison.compare(encode_tree(old), encode_tree(new))
    return comparison


def encode_tree(texts):
    return {path: textwrap.dedent(text).encode() for path, text in texts.items()}


def compare_modules(old, new, **options):
    return compare_trees({"lib/a.py": old}, {"lib/a.py": new}, **options)


OLD = """
    from field import Others, told

    def _of(found, *, known=None):
        '''What is found beside known.'''
        sides = [each for each in found if each.place]
        return told(sides, known=known), [each + 1 for each in sides]


    class Usual:
        place: int = 0

        def at(self):
            return self.place
    """

NEW = """
    from field import notify, PooledVariance

    def compare_counts(counts, *, baseline=None):
        '''What is counts beside
        baseline.'''
        totals = [count for count in counts if count.index]
        return notify(totals, baseline=baseline), [total + 1 for total in totals]


    class ExpectedRowCount:
        index: int = 0

        def read(self):
            return self.index  # where it stands
    """


def test_names_may_change_everywhere_and_locals_differ_from_scope_to_scope():
    comparison = compare_modules(OLD, NEW)

    assert comparison.problems == []
    assert ("_of", "compare_counts") in comparison.renamings
    assert {("each", "count"), ("each", "total")} <= comparison.renamings


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param("x = 1 + y", "x = 1 - y", "Add became Sub", id="an operator"),
        pytest.param("x = 1", "x = True", "1 became True", id="a constant that is equal"),
        pytest.param("x = 'found'", "x = 'matches'", "'found' became 'matches'", id="a text"),
        pytest.param("x = f'{y} found'", "x = f'{y} matches'", "' found' became ' matches'", id="part of an f-string"),
        pytest.param("f(1, 2)", "f(1)", "a list of 2 became a list of 1", id="an argument"),
        pytest.param("x = 1\ny = 2", "x = 1", "2 statements became 1", id="a statement"),
        pytest.param("x = 1", "x = 1\nimport y", "across imports", id="an import behind a statement"),
        pytest.param("def f(x, y): ...", "def f(x, *, y): ...", "the parameters differ", id="a parameter's kind"),
        pytest.param("from x import y", "from z import y", "1 imports of x became 0", id="another module"),
        pytest.param("import x.y", "import x.z", "1 imports of x.y became 0", id="another module by its path"),
        pytest.param("x = f(*y)", "x = f(y)", "Starred became Name", id="a star"),
        pytest.param("f(**x)", "f(y=x)", "None became y", id="a keyword"),
    ],
)
def test_more_than_a_name_is_noticed(old, new, problem):
    [first, *_] = compare_modules(old, new).problems

    assert first.startswith("lib/a.py:")
    assert problem in first


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "def f(found, known): return found, known",
            "def f(rows, rows_): return rows, rows",
            "`known` became `rows` here and `rows_` elsewhere",
            id="one name becomes two",
        ),
        pytest.param(
            "def f(found):\n    rows = 1\n    return found, rows",
            "def f(rows):\n    rows = 1\n    return rows, rows",
            "`rows` and `found` are both `rows`",
            id="two names become one",
        ),
        pytest.param(
            "def f(found): return len(found)",
            "def f(len): return len(len)",
            "`len` is another variable than `len` was",
            id="a local hides a name of the module",
        ),
        pytest.param(
            "x.found = x.found + 1",
            "x.rows = x.found + 1",
            "`found` became `found` here and `rows` elsewhere",
            id="an attribute is renamed in one place only",
        ),
        pytest.param(
            "class A:\n    found = 1\nA().found",
            "class A:\n    rows = 1\nA().found",
            "`found` became `found` here and `rows` elsewhere",
            id="a member is renamed where it is defined only",
        ),
        pytest.param(
            "from x import told\ntold()",
            "from x import told\nnotify()",
            "`told` became `notify`, which isn't imported as that",
            id="an imported name is renamed where it is used only",
        ),
        pytest.param(
            "def f():\n    global found\n    found = 1\nfound = 2",
            "def f():\n    global found\n    found = 1\nrows = 2",
            "`found` became `rows` here and `found` elsewhere",
            id="a global variable",
        ),
    ],
)
def test_a_name_becomes_one_other(old, new, problem):
    assert problem in "\n".join(compare_modules(old, new).problems)


def test_defaults_and_first_iterables_are_looked_up_outside():
    old = "def g(each):\n    def f(each=each): return each\n    return f, [each for each in each]"
    new = "def g(rows):\n    def f(row=rows): return row\n    return f, [cell for cell in rows]"

    assert compare_modules(old, new).problems == []


def test_a_walrus_in_a_comprehension_is_the_functions():
    old = "def f(x):\n    [found := y for y in x]\n    return found"

    assert compare_modules(old, old.replace("found", "last_row")).problems == []
    assert compare_modules(old, old.replace("[found", "[last_row")).problems


def test_patterns_and_exceptions_have_names():
    old = """
        def f(x):
            try:
                match x:
                    case {"a": found, **rest}: return found, rest
                    case [one, *others]: return one, others
                    case Point(place=1) as known: return known
            except ValueError as said:
                return said
        """
    names = {"found": "value", "rest": "members", "one": "first", "others": "tail", "place": "x_position"}
    names |= {"known": "point", "said": "error"}
    new = old
    for old_name, new_name in names.items():
        new = new.replace(old_name, new_name)

    comparison = compare_modules(old, new)

    assert comparison.problems == []
    assert comparison.renamings == set(names.items())


def test_a_docstring_may_differ_in_renamed_words_only():
    renamed = compare_modules("'''Of found.'''\nfound = 1", "'''Of rows.'''\nrows = 1")
    reworded = compare_modules("'''Of found.'''\nfound = 1", "'''Below rows.'''\nrows = 1")
    longer = compare_modules("'''Of found.'''\nfound = 1", "'''Of all rows.'''\nrows = 1")

    assert renamed.problems == []
    assert reworded.problems == ["lib/a.py:1: Of found became Below rows"]
    assert longer.problems == ["lib/a.py:1: Of found became Of all rows"]


def test_a_lock_file_whose_content_is_renamed_in_a_text_of_code_is_noticed():
    """As a renaming tool did that looks into texts, too."""
    old = "def told(lock):\n    lock.write('told')"
    new = "def notify(lock):\n    lock.write('notify')"

    assert compare_modules(old, new).problems == ["lib/a.py:2: 'told' became 'notify'"]
    assert compare_modules(old, new, accepted=frozenset({("told", "notify")})).problems == []


def test_other_files_are_equal_to_the_byte_and_pages_may_name_what_is_renamed():
    old = {"lib/a.py": "told = 1", "docs/a.md": "Calls `told`.", "lib/lock.json": '"told"'}
    new = {"lib/a.py": "notify = 1", "docs/a.md": "Calls `notify`.", "lib/lock.json": '"notify"'}

    assert compare_trees(old, new).problems == ["lib/lock.json differs"]


def test_files_that_come_or_go_are_noticed_unless_they_moved():
    old = {"lib/rooms/a.py": "x = 1", "lib/b.py": "from rooms.a import x\nfrom rooms import a\nimport rooms.a"}
    new = {"lib/floors/c.py": "x = 1", "lib/b.py": "from floors.c import x\nfrom floors import c\nimport floors.c"}

    assert compare_trees(old, new).problems[:2] == ["lib/rooms/a.py is gone", "lib/floors/c.py is new"]
    assert compare_trees(old, new, moved={"lib/rooms/a.py": "lib/floors/c.py"}).problems == []


def test_what_a_module_exports_is_named():
    old = "__all__ = ['Usual']\nclass Usual: ..."

    assert compare_modules(old, old.replace("Usual", "ExpectedRowCount")).problems == []
    assert compare_modules(old, old.replace("['Usual", "['ExpectedRowCount")).problems


def test_the_command_compares_folders(tmp_path, capsys):
    for name, text in {"old": "told = 1", "new": "notify = 2"}.items():
        (tmp_path / name / "docs").mkdir(parents=True)
        (tmp_path / name / "a.py").write_text(text)
        (tmp_path / name / "docs" / "a.txt").write_text(name)

    status = main([str(tmp_path / "old"), str(tmp_path / "new"), "--ignore", "docs/"])

    assert status == 1
    assert capsys.readouterr().out.splitlines() == [
        "a.py:1: 1 became 2",
        "1 renamings: told -> notify",
        "1 differences in more than names",
    ]
