"""The regular expressions of the package, and texts on which each would take the longest.

Python's `re` tries one way to match after another. Where two repeats accept the same letters next to each other, or a
search begins anew at each letter, the number of ways grows with the square or cube of the text's length, or faster.
The texts are made from the parsed pattern: for each repeat, what leads to it, then very many of what it accepts, then
an end that does not match.
"""

from __future__ import annotations

import ast
import builtins
import gc
import random
import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

if sys.version_info >= (3, 11):
    from re import _constants as sre_constants
    from re import _parser as sre_parser
else:
    import sre_constants
    import sre_parse as sre_parser

LIBRARY = Path(__file__).parents[2] / "lib"
METHODS = ("fullmatch", "match", "search", "findall", "finditer", "sub", "subn", "split")
SECONDS_PER_LETTER = 1e-6  # 1 MB in a second of a core
MIN_SECONDS = 0.01  # below this, times are noise
# what takes a little too long is timed again
FAR_ABOVE = 100
TRIES = 3
SIZES = (20, 40, 60, 80, 100, 300, 600, 3_000, 10_000)
"""Letters of a text, from few to many: a pattern that takes exponential time would not end at the larger ones."""
UNITS = 6  # letters, and samples of what a repeat repeats, of which texts are made
MANY = 1_000  # a repeat with a lower bound is no danger
MEGABYTE = 1_000_000

LETTERS = "1aFz_é \t\r\n.,:;-+\"'\\/[](){}<>=#$%@!*?|&~^`\x00"
ENDS = ("", "\x00", "!", "x", '"', 'x"', "\n", ",", ")", "\\")


Pattern: TypeAlias = "re.Pattern[str] | re.Pattern[bytes]"
Constant: TypeAlias = "str | Pattern | ModuleType | Mapping[str, Constant] | Sequence[Constant]"
Node: TypeAlias = "tuple[int, int | Sequence[Node]]"  # of a parsed pattern: an operation and its argument


@dataclass(frozen=True)
class UsedPattern:
    """A regular expression, where it is written, and the methods by which it is used."""

    where: str
    pattern: Pattern
    methods: tuple[str, ...]


class SourceModule:
    """A module of the package that is read but not imported: its constants are computed from its source."""

    def __init__(self, path: Path, package: Mapping[str, SourceModule]) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.name = ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")
        self._package = package

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def definitions(self) -> dict[str, ast.expr | tuple[str, str]]:
        """The expressions of constants, and module and name of what is imported."""
        definitions: dict[str, ast.expr | tuple[str, str]] = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    definitions[alias.asname or alias.name] = (statement.module, alias.name)
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    definitions.update(_assigned(target, statement.value))
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                definitions.update(_assigned(statement.target, statement.value))
        return definitions

    def look_up(self, name: str) -> Constant:
        """The value of a constant. Raises LookupError if the source does not tell it."""
        if name == "re":
            return re
        definition = self.definitions.get(name)
        if isinstance(definition, tuple):
            module, original_name = definition
            if module in self._package:
                return self._package[module].look_up(original_name)
        elif definition is not None:
            return self.computed(definition)
        raise LookupError(name)

    def computed(self, expression: ast.expr) -> Constant:
        """The value of an expression. Raises LookupError if it depends on more than constants."""
        bound = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and _is_bound(node)}
        names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)} - bound
        namespace = {name: self.look_up(name) for name in names if not hasattr(builtins, name)}
        try:
            return eval(compile(ast.Expression(expression), str(self.path), "eval"), namespace)
        except Exception as error:
            raise LookupError(ast.unparse(expression)) from error


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for inner_target, inner_value in zip(target.elts, value.elts, strict=False):
            yield from _assigned(inner_target, inner_value)


def _is_bound(name: ast.Name) -> bool:
    """Whether the name is a variable of a comprehension."""
    return isinstance(name.ctx, ast.Store)


def read_package() -> list[SourceModule]:
    """The modules of the package."""
    package: dict[str, SourceModule] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        module = SourceModule(path, package)
        package[module.name] = module
    return list(package.values())


def used_patterns(patterns_by_source: Mapping[str, Sequence[str]]) -> Iterator[UsedPattern]:
    """The patterns of the package.

    patterns_by_source: those that depend on more than constants, by the source of their expression.

    Raises LookupError for another pattern that depends on more than constants.
    """
    modules = read_package()
    importers = texts_by_import(modules)
    for module in modules:
        if IMPORT_OF_RE.search(module.text) is None:
            continue
        for name, expression in module.definitions.items():
            if isinstance(expression, ast.expr) and OF_RE.search(ast.unparse(expression)):
                texts = [module.text, *importers.get((module.name, name), [])]
                for number, pattern in enumerate(patterns_in(module.computed(expression))):
                    yield UsedPattern(f"{module.name}.{name}[{number}]", pattern, called_methods(name, texts))
        for call in direct_calls(module.tree):
            yield from _patterns_of_call(call, module, patterns_by_source)


def _patterns_of_call(
    call: ast.Call, module: SourceModule, patterns_by_source: Mapping[str, Sequence[str]]
) -> Iterator[UsedPattern]:
    method = call.func.attr  # type: ignore[attr-defined]
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    flags += call.args[FLAGS_POSITION.get(method, 2) :]
    flag_values = [module.computed(flag) for flag in flags]
    source = ast.unparse(call.args[0])
    where = f"{module.name}, line {call.lineno}"
    try:
        if source in patterns_by_source:
            texts = patterns_by_source[source]
        else:
            texts = [module.computed(call.args[0])]
    except LookupError:
        raise LookupError(f"{where}: {source} is not made of constants alone; name its patterns in GIVEN") from None
    methods = METHODS[:3] if method == "compile" else (method,)
    for text in texts:
        if isinstance(text, re.Pattern):
            pattern = text
        else:
            pattern = re.compile(text, sum(flag_values))
        yield UsedPattern(where, pattern, methods)


OF_RE = re.compile(r"\bre\.")
IMPORT_OF_RE = re.compile(r"^import re$", re.MULTILINE)
IMPORT_OF_NAMES = re.compile(r"^from ([\w.]+) import ([^(\n]+|\([^)]*\))", re.MULTILINE)


def texts_by_import(modules: Iterable[SourceModule]) -> dict[tuple[str, str], list[str]]:
    """The texts of the modules that import a name, by the module and the name."""
    texts: dict[tuple[str, str], list[str]] = {}
    for module in modules:
        for origin, names in IMPORT_OF_NAMES.findall(module.text):
            for name in re.findall(r"\w+", names):
                texts.setdefault((origin, name), []).append(module.text)
    return texts


FLAGS_POSITION = {"compile": 1, "split": 3, "sub": 4, "subn": 4}


def direct_calls(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls `re.match(…)` and the like, other than in constants."""
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
                if is_of_re and node.func.attr in (*METHODS, "compile"):
                    yield node


def patterns_in(value: Constant) -> Iterator[Pattern]:
    """The patterns in a constant."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        yield from patterns_in(tuple(value.values()))
    elif isinstance(value, (tuple, list, set, frozenset)):
        for inner_value in value:
            yield from patterns_in(inner_value)


def called_methods(name: str, texts: Iterable[str]) -> tuple[str, ...]:
    """The methods that are called on a constant in these texts; the main ones if none is."""
    use = re.compile(rf"\b{re.escape(name)}(?:\[[^]]*\])?\.({'|'.join(METHODS)})\b")
    called = {method for text in texts for method in use.findall(text)}
    return tuple(method for method in METHODS if method in called) or METHODS[:3]


@dataclass
class Repeat:
    """A repeat without a bound in a pattern. before: what precedes it; body: what it repeats; after: what follows."""

    before: list[Node]
    body: Sequence[Node]
    after: list[Node] = field(default_factory=list)


def unbounded_repeats(parsed: Iterable[Node], before: list[Node]) -> Iterator[Repeat]:
    """The repeats of a parsed pattern whose number the text decides. before: the nodes that precede it."""
    nodes = list(parsed)
    for index, (operation, argument) in enumerate(nodes):
        lead = [*before, *nodes[:index]]
        if operation in REPEATS:
            _, maximum, body = argument
            if maximum > MANY:
                yield Repeat(lead, body, nodes[index + 1 :])
            yield from unbounded_repeats(body, lead)
        elif operation is sre_constants.SUBPATTERN:
            yield from unbounded_repeats(argument[-1], lead)
        elif operation is sre_constants.BRANCH:
            for branch in argument[1]:
                yield from unbounded_repeats(branch, lead)
        elif operation in (sre_constants.ASSERT, sre_constants.ASSERT_NOT):
            yield from unbounded_repeats(argument[1], lead)


REPEATS = {sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT}
REPEATS |= {getattr(sre_constants, "POSSESSIVE_REPEAT", sre_constants.MAX_REPEAT)}


def make_sample(nodes: Iterable[Node], rng: random.Random, groups: dict[int, str]) -> str:
    """A text that matches these nodes, short. groups: the texts of numbered groups so far."""
    return "".join(_make_sample_node(operation, argument, rng, groups) for operation, argument in nodes)


def _make_sample_node(
    operation: int, argument: int | Sequence[Node], rng: random.Random, groups: dict[int, str]
) -> str:
    if operation is sre_constants.LITERAL:
        return chr(argument)
    if operation in (sre_constants.IN, sre_constants.NOT_LITERAL, sre_constants.ANY):
        accepted = accepted_letters([(operation, argument)])
        if accepted:
            return rng.choice(accepted)
        return "a"
    if operation in REPEATS:
        minimum, maximum, body = argument
        count = minimum + rng.choice((0, 0, 1)) * (maximum > minimum)
        return "".join(make_sample(body, rng, groups) for _ in range(count))
    if operation is sre_constants.SUBPATTERN:
        text = make_sample(argument[-1], rng, groups)
        groups[argument[0]] = text
        return text
    if operation is sre_constants.BRANCH:
        return make_sample(rng.choice(argument[1]), rng, groups)
    if operation is sre_constants.GROUPREF:
        return groups.get(argument, "")
    if operation is getattr(sre_constants, "ATOMIC_GROUP", None):
        return make_sample(argument, rng, groups)
    return ""  # a position, or a condition on what is around it


def accepted_letters(nodes: Sequence[Node], flags: int = 0) -> list[str]:
    """Letters that the nodes accept, each alone."""
    literals = {chr(value) for value in _literals(nodes)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = sre_parser.State()
        if hasattr(re, "TEMPLATE"):
            state.flags = flags & ~re.TEMPLATE
        else:
            state.flags = flags
        state.str = ""
        state.groupwidths = [None] * 100
        compiled = _compiled(nodes, state)
    if compiled is None:
        return []
    return [letter for letter in dict.fromkeys((*LETTERS, *sorted(literals))) if compiled.fullmatch(letter)]


def _compiled(nodes: Sequence[Node], state: sre_parser.State) -> re.Pattern[str] | None:
    if sys.version_info >= (3, 11):
        from re import _compiler as compiler
    else:
        import sre_compile as compiler
    try:
        return compiler.compile(sre_parser.SubPattern(state, list(nodes)))
    except Exception:  # nodes that refer to others
        return None


def _literals(nodes: Sequence[Node]) -> Iterator[int]:
    """The character codes that a parsed pattern names."""
    if isinstance(nodes, tuple) and len(nodes) == 2 and nodes[0] in (sre_constants.LITERAL, sre_constants.NOT_LITERAL):
        yield nodes[1]
    elif isinstance(nodes, tuple) and len(nodes) == 2 and nodes[0] is sre_constants.RANGE:
        yield from nodes[1]
    elif isinstance(nodes, (tuple, list, sre_parser.SubPattern)):
        for node in nodes:
            yield from _literals(node)


def worst_texts(pattern: Pattern, rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """Beginning, repeated part and end of texts that may take long."""
    parsed = sre_parser.parse(pattern.pattern, pattern.flags)
    for repeat in unbounded_repeats(parsed, []):
        units = accepted_letters(repeat.body, pattern.flags)
        # Letters that what follows accepts as well are worse, because they can be patterns_by_source to either.
        follows = set(accepted_letters(_first_repeat(repeat.after), pattern.flags))
        units.sort(key=lambda letter: letter not in follows)
        units = units[:UNITS]
        body_samples = [make_sample(repeat.body, rng, {}) for _ in range(UNITS)]
        lead_samples = [make_sample(repeat.before, rng, {}) for _ in range(2)]
        units += [body for body in body_samples if body]
        units += [lead + body for lead in lead_samples for body in body_samples[:2] if lead + body]
        for unit in dict.fromkeys(units):
            for lead in dict.fromkeys(("", *lead_samples)):
                for end in ENDS:
                    yield lead, unit, end


def _first_repeat(nodes: list[Node]) -> list[Node]:
    """The body of the first repeat among these nodes."""
    for operation, argument in nodes:
        if operation in REPEATS:
            return list(argument[2])
        if operation is sre_constants.SUBPATTERN:
            return _first_repeat(list(argument[-1]))
    return []


def measure_seconds(pattern: Pattern, method: str, text: str) -> float:
    """Seconds of a core that a pattern takes for a text, in this thread and without a collection of all objects meanwhile."""
    if isinstance(pattern.pattern, bytes):
        subject = text.encode("utf-8")
    else:
        subject = text
    call = getattr(pattern, method)
    gc.disable()
    try:
        begin = time.thread_time()
        if method in ("sub", "subn"):
            call(subject[:0], subject)
        elif method == "finditer":
            for _ in call(subject):
                pass
        else:
            call(subject)
        return time.thread_time() - begin
    finally:
        gc.enable()


def require_linear(
    used: UsedPattern, rng: random.Random, *, sizes: tuple[int, ...] = SIZES, text_count: int = 60
) -> None:
    """Raises AssertionError if the pattern takes too long for one of so many of its worst texts."""
    texts = list(worst_texts(used.pattern, rng))
    rng.shuffle(texts)
    for lead, unit, end in texts[:text_count]:
        for method in used.methods:
            for size in sizes:
                text = lead + unit * (size // len(unit)) + end
                allowed = max(MIN_SECONDS, SECONDS_PER_LETTER * len(text))
                seconds = measure_seconds(used.pattern, method, text)
                if allowed < seconds < FAR_ABOVE * allowed:
                    # A pause of the machine is no fault of the pattern
                    seconds = min(measure_seconds(used.pattern, method, text) for _ in range(TRIES))
                assert seconds <= allowed, (
                    f"{used.where}: {method} of {used.pattern.pattern!r} takes {seconds:.2f} s for {len(text):,} "
                    f"letters: {lead!r}, then many {unit!r}, then {end!r}"
                )
