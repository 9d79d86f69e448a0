"""What the code rests on can be looked up: every cited rule is in docs/reference, every `Source:` is there or is public.

Looked at are comments and docstrings of Python, and the text of Markdown outside of code. docs/reference/README.md says how
ids work; its table has the prefixes and their pages.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"

WRITTEN_IN = ("lib", "tests", "jobs", "benchmarks", "examples", "conf", "docs")
AT_THE_TOP = tuple(sorted(page.name for page in ROOT.glob("*.md")))

PRODUCTS = (
    *("Airflow", "Amazon S3", "Azure", "boto3", "botocore", "CloudWatch", "Databricks", "Deequ", "EMR", "Evidently"),
    *(
        "hadoop-aws",
        "Java",
        "MLlib",
        "NannyML",
        "OpenJDK",
        "sagemaker",
        "SNS",
        "Spark",
        "TFDV",
        "Vertex AI",
        "smclarify",
    ),
)
"""Products whose documentation or code anyone can open."""

ROW = re.compile(r"^\| `([A-Z])` \|[^|]*\|([^|]*)\|$", re.MULTILINE)
LINK = re.compile(r"\]\(([\w.-]+\.md)\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
ANCHOR = re.compile(r"<a [^>]*></a>")
SPAN = re.compile(r"`[^`\n]+`")
WITH_LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")
WORTH_A_LOOK = re.compile(r"Source: |\.md\b|\brules? \d|\bsections? \d|\b[A-Z]\d")
SOURCE = re.compile(r"\bSource: ((?:[^\n]|\n(?!\s*\n))*)")
MARKDOWN = re.compile(r"[\w./-]*\w\.md\b")
WITHOUT_AN_ID = re.compile(r"\b(?:golden|production) rules? \d+|\b[Cc]ontract,? sections? \d+|\bsection \d+, rows? \d+")
"""How rules of ours were cited before they had ids."""

AUTHOR_AND_YEAR = r"[A-Z][\w'-]+(?: et al\.)? (?:1[6-9]|20)\d\d\b"
TITLE = r'"[^"]+ [^"]+"'
STANDARD = r"\b(?:RFC|JEP|PEP) \d+"
ISSUE = r"\b[\w.-]+/[\w.-]+#\d+"
PRODUCT = rf"\b(?:{'|'.join(PRODUCTS)})\b"
PUBLIC = re.compile("|".join((AUTHOR_AND_YEAR, TITLE, STANDARD, ISSUE, PRODUCT)))


@dataclass(frozen=True)
class Rules:
    """The ids that pages define, as often as they do. prefixes: their letters."""

    prefixes: str
    defined: Counter[str]

    @property
    def id(self) -> re.Pattern[str]:
        """What an id looks like: a prefix, numbers, perhaps a letter."""
        return re.compile(rf"(?<![\w./#])[{self.prefixes}]\d+(?:\.\d+)*[a-z]?\b")


def collect_rules(prefixes: str, pages: Iterable[str]) -> Rules:
    """The rules of some pages: a heading, row, list item or bold text that begins with an id defines it."""
    beginning = re.compile(rf"^[#|*-][#|*` -]*([{prefixes}]\d+(?:\.\d+)*[a-z]?)(?=[\s*`|:.]|$)", re.MULTILINE)
    texts = (ANCHOR.sub("", FENCED.sub("", page)) for page in pages)
    return Rules(prefixes, Counter(rule_id for text in texts for rule_id in beginning.findall(text)))


def find_faults(text: str, rules: Rules, files: frozenset[str] = frozenset()) -> list[str]:
    """What can't be looked up in a comment, a docstring or a page. files: the Markdown files that it may name."""
    faults = [f"{cited} is defined nowhere" for cited in rules.id.findall(text) if cited not in rules.defined]
    faults += [f"{name} is no file of the repository" for name in MARKDOWN.findall(text) if name not in files]
    faults += [f"{word!r} has no id" for word in WITHOUT_AN_ID.findall(text)]
    for source in SOURCE.findall(text):
        parts = (" ".join(part.split()) for part in source.split(";"))
        faults += [f"{part!r} is neither a rule nor public" for part in parts if not _can_be_found(part, rules, files)]
    return faults


def _can_be_found(part: str, rules: Rules, files: frozenset[str]) -> bool:
    names_a_file = any(name in files for name in MARKDOWN.findall(part))
    return bool(rules.id.search(part) or PUBLIC.search(part)) or names_a_file


def python_texts(program: str) -> Iterator[str]:
    """The docstrings of a program, those of attributes too, and its comments, lines one below the other as one."""
    comments: dict[int, str] = {}
    begins_a_statement = True
    for token in tokenize.generate_tokens(io.StringIO(program).readline):
        if token.type == tokenize.COMMENT and "noqa" not in token.string:
            above = comments.pop(token.start[0] - 1, "")
            comments[token.start[0]] = f"{above}\n{token.string.lstrip('# ')}"
        elif token.type == tokenize.STRING and begins_a_statement:
            yield ast.literal_eval(token.string)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins_a_statement = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    yield from comments.values()


def page_text(page: str) -> str:
    """A page without its code and its links, which test_documentation.py looks up."""
    return WITH_LINK.sub("", SPAN.sub("", FENCED.sub("", page)))


@cache
def pages_by_prefix() -> dict[str, tuple[str, ...]]:
    """The pages that define the ids of each prefix; none where they are still to come."""
    table = (REFERENCE / "README.md").read_text(encoding="utf-8")
    return {prefix: tuple(LINK.findall(cell)) for prefix, cell in ROW.findall(table)}


@cache
def reference() -> Rules:
    """The rules of docs/reference."""
    pages = (page for page in sorted(REFERENCE.glob("*.md")) if page.name != "README.md")
    return collect_rules("".join(pages_by_prefix()), [page.read_text(encoding="utf-8") for page in pages])


@cache
def nameable() -> frozenset[str]:
    """The repository's Markdown files as a text may name them: from the root."""
    inside = (path for folder in WRITTEN_IN for path in (ROOT / folder).rglob("*.md"))
    return frozenset(path.relative_to(ROOT).as_posix() for path in inside) | {*AT_THE_TOP}


def written_in(area: str) -> list[Path]:
    """Every file with text for people: at a place, or below it."""
    paths = sorted((ROOT / area).rglob("*")) or [ROOT / area]
    return [path for path in paths if path.suffix in (".py", ".md")]


def faults_in(path: Path) -> list[str]:
    """What can't be looked up in a file."""
    text = path.read_text(encoding="utf-8")
    if not WORTH_A_LOOK.search(text):
        return []
    if path.suffix == ".md":
        texts = [page_text(text)]
    else:
        texts = python_texts(text)
    pages = frozenset(page.name for page in path.parent.glob("*.md"))
    return [fault for text in texts for fault in find_faults(text, reference(), nameable() | pages)]


@pytest.mark.long
@pytest.mark.parametrize("area", [*WRITTEN_IN, *AT_THE_TOP])
def test_every_rule_and_every_source_can_be_looked_up(area):
    faults = {path.relative_to(ROOT).as_posix(): faults_in(path) for path in written_in(area)}

    assert {path: path_faults for path, path_faults in faults.items() if path_faults} == {}


def test_every_id_is_defined_once():
    assert [rule for rule, times in reference().defined.items() if times > 1] == []


@pytest.mark.parametrize(
    ("prefix", "page"), [(prefix, page) for prefix, pages in pages_by_prefix().items() for page in pages]
)
def test_a_page_defines_the_ids_of_its_prefix_and_no_others(prefix, page):
    defined = collect_rules("".join(pages_by_prefix()), [(REFERENCE / page).read_text(encoding="utf-8")]).defined

    assert {rule[0] for rule in defined} == {prefix}


def test_every_page_of_the_reference_is_in_its_readme():
    listed = set(LINK.findall((REFERENCE / "README.md").read_text(encoding="utf-8")))

    assert {page.name for page in REFERENCE.glob("*.md")} == listed | {"README.md"}


RULES = collect_rules("CG", ["## C4 Data\n\n### C4.2 A file\n\n- **C4.2a** Old ones.\n", "| G16 | lost ties |\n"])
"""A reference of four rules."""


def test_a_heading_a_row_an_item_or_bold_text_that_begins_with_an_id_defines_it():
    assert RULES.defined == Counter(["C4", "C4.2", "C4.2a", "G16"])
    assert collect_rules("C", ["**C4.2** is one, as\nC4.3 says\n\n```\n# C4.4\n```\n"]).defined == Counter(["C4.2"])
    assert collect_rules("C", ['| <a id="x"></a>C4.2 | one |\n']).defined == Counter(["C4.2"])
    assert collect_rules("C", ["# C4.2\n\n| C4.2 | another |\n"]).defined["C4.2"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "Source: C4.2.",
        "Source: C4.2, C4.2a; G16.",
        "Source: C4.2; Lin 1991, for the rest.",
        'Source: Brier, "Verification of forecasts".',
        "Source: He et al. 2014.",
        "Source: RFC 5321, 4.2.1: 4xx may be tried again.",
        "Source: aws/sagemaker-python-sdk#3224.",
        "Source: Histogram, Deequ 2.1.0.",
        "Source: docs/drift.md.",
        "One thing.\n\nSource: C4.2 for this;\n    the other is of Spark 3.5.\n\nNothing else.",
        "as C4 has it (C4.2a)",
        "C4.2 to C4.2a",
        "UTF-8, x86, C++17, P95 and C4.2",
    ],
)
def test_what_can_be_looked_up_has_no_fault(text):
    assert find_faults(text, RULES, frozenset({"docs/drift.md"})) == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Source: contract.md 4.4.", ["contract.md is no file of the repository", "'contract.md 4.4.' is neither"]),
        ("Source: production rule 3.", ["'production rule 3' has no id", "'production rule 3.' is neither"]),
        ("Source: C4.9.", ["C4.9 is defined nowhere"]),
        ("Source: C4.2, golden rule 16.", ["'golden rule 16' has no id"]),
        ("Source: C4.2; production rule 21.", ["'production rule 21' has no id", "'production rule 21.' is neither"]),
        (
            "Source: C4.2; contract.md section 11, row 22.",
            ["contract.md is no", "'section 11, row 22'", "'contract.md"],
        ),
        ("Source: the service.", ["'the service.' is neither"]),
        ("Source: Lin 1991; as everybody knows.", ["'as everybody knows.' is neither"]),
        ("as it is elsewhere (G17)", ["G17 is defined nowhere"]),
        ("as it is elsewhere (C4.2b)", ["C4.2b is defined nowhere"]),
        ("C4.2-C4.3", ["C4.3 is defined nowhere"]),
        ("See docs/none.md.", ["docs/none.md is no file of the repository"]),
    ],
)
def test_what_cant_be_looked_up_is_a_fault(text, faults):
    actual_faults = find_faults(text, RULES, frozenset({"docs/drift.md"}))

    assert len(actual_faults) == len(faults)
    assert all(fault.startswith(beginning) for fault, beginning in zip(actual_faults, faults, strict=True)), (
        actual_faults
    )


def test_comments_and_docstrings_of_a_program_are_read_and_its_texts_are_not():
    program = '''
"""The module: C1."""
LIMIT = 3  # C2
"""Of an attribute: C3."""
NAME = "C4"
LIST = []  # noqa: C5
# a comment of
# two lines: C6
def function():
    """Of a function: C7."""
'''

    assert re.findall(r"C\d", " ".join(python_texts(program))) == ["C1", "C3", "C7", "C2", "C6"]
