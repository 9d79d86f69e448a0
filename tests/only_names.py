"""Whether two trees are equal but for names: `python -m tests.only_names OLD [NEW]`, each a folder or a commit.

Python files are equal if their syntax is, but for identifiers, and each identifier is renamed to one other: a local in its
function, everything else in its file. No new name may hide another, or be two. Comments, layout and the order of imports
don't count. Docstrings and Markdown may differ in words that are renamed somewhere. Texts in code, and all other files, are
equal to the byte: a tool that renames in texts, too, once changed the content of a lock file.

    --moved lib/a/old.py=lib/b/new.py    the file, or the folder, is somewhere else
    --accept old=new                     this text, word of a text, attribute or keyword may become the other
    --ignore docs/concepts.md            this file, or folder, isn't compared
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tests.plain_ceilings import TABLE
from tests.plain_history import read_commit, run_git

ROOT = Path(__file__).resolve().parents[1]
SOURCE_FOLDER = "lib/"
"""The package is below it; elsewhere a module's name begins at the root."""

WORD = re.compile(r"\w+")
SHOWN_RENAMINGS = 40
QUOTED = 80
"""Characters of a text."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
STATEMENT_FIELDS = ("body", "orelse", "finalbody")
BINDING_FIELDS = {
    ast.Name: "id",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
    ast.arg: "arg",
}
"""Where a node has a name that some scope binds."""
MEMBER_FIELDS = {ast.Attribute: "attr", ast.keyword: "arg"}
"""Where a node has a name of another object's."""

Renaming = tuple[str, str]
ConstantValue = str | bytes | int | float | complex | None
FieldValue = ast.AST | list | str | int | None
"""What a field of a syntax tree's node may be."""


class ImportedName(NamedTuple):
    """`from module import name as alias`; without a module `import name as alias`."""

    level: int
    module: str
    name: str
    alias: str | None

    @property
    def bound_name(self) -> str:
        return self.alias or (self.name if self.module or self.level else self.name.split(".")[0])


@dataclass(frozen=True)
class Scope:
    """Where names are bound: a module, class, function or comprehension."""

    names: frozenset[str]
    is_class: bool = False


class ScopePair(NamedTuple):
    """The same scope in both trees. number: which one of the file."""

    number: int
    old: Scope
    new: Scope


Scopes = tuple[ScopePair, ...]
"""The scopes around a node, outermost first."""


class ImportPair(NamedTuple):
    old: list[ImportedName]
    new: list[ImportedName]
    scopes: Scopes
    line: int


class TextPair(NamedTuple):
    """A docstring or a page that differs. Which words may differ is known only after all files."""

    location: str
    old: str
    new: str


@dataclass
class TreeComparison:
    """Compares two trees. moved: old and new paths of files or folders. accepted: renamings that are no problem."""

    moved: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[Renaming] = frozenset()
    problems: list[str] = field(default_factory=list)
    renamings: set[Renaming] = field(default_factory=set)
    texts: list[TextPair] = field(default_factory=list)

    def compare(self, old_files: Mapping[str, bytes], new_files: Mapping[str, bytes]) -> None:
        old_paths = {self.move_path(path): path for path in old_files}
        self.problems += [f"{old_paths[path]} is gone" for path in sorted(old_paths.keys() - new_files.keys())]
        self.problems += [f"{path} is new" for path in sorted(new_files.keys() - old_paths.keys())]
        for path in sorted(old_paths.keys() & new_files.keys()):
            old = old_files[old_paths[path]]
            new = new_files[path]
            if old == new:
                continue
            if path.endswith(".py"):
                FileComparison(self, path).compare(old.decode(), new.decode())
            elif path.endswith(".md"):
                self.texts.append(TextPair(path, old.decode(), new.decode()))
            else:
                self.problems.append(f"{path} differs")
        self.compare_texts()

    def compare_texts(self) -> None:
        """Looks for words that differ and aren't renamed anywhere."""
        for text in self.texts:
            old_words = WORD.findall(text.old)
            new_words = WORD.findall(text.new)
            different = {(old, new) for old, new in zip(old_words, new_words, strict=False) if old != new}
            if len(old_words) != len(new_words) or not different <= self.renamings | self.accepted:
                self.problems.append(f"{text.location}: {quote_difference(' '.join(old_words), ' '.join(new_words))}")

    def accepts(self, old: ConstantValue, new: ConstantValue) -> bool:
        """Whether a text may become another one: both are accepted, or all words that differ."""
        if not isinstance(old, str) or not isinstance(new, str):
            return False
        accepted_words = dict(self.accepted)
        return (old, new) in self.accepted or WORD.sub(lambda word: accepted_words.get(word[0], word[0]), old) == new

    def move_path(self, path: str) -> str:
        """Where a file of the old tree is in the new one."""
        for old_path, new_path in self.moved.items():
            if path == old_path or path.startswith(f"{old_path}/"):
                return new_path + path.removeprefix(old_path)
        return path

    def move_module(self, module: str) -> str:
        """What a module of the old tree is called in the new one."""
        for old_path, new_path in self.moved.items():
            old_module = name_module(old_path)
            if module == old_module or module.startswith(f"{old_module}."):
                return name_module(new_path) + module.removeprefix(old_module)
        return module


@dataclass
class FileComparison:
    """Compares two modules node by node.

    renamings: of each space of names the pairs of old and new name, unchanged ones among them, each with its first line. A
    space is a scope's number, or what has members and keywords.
    """

    trees: TreeComparison
    path: str
    renamings: dict[int | str, dict[Renaming, int]] = field(default_factory=dict)
    imports: list[ImportPair] = field(default_factory=list)
    scope_count: int = 0

    def compare(self, old_text: str, new_text: str) -> None:
        old = ast.parse(old_text)
        new = ast.parse(new_text)
        self.compare_statements(old.body, new.body, (self.open_scope(old, new),), 1)
        for imports in self.imports:
            self.check_imports(imports)
        for space, renamings in self.renamings.items():
            self.check_renamings(space, renamings)
            self.trees.renamings |= {(old_name, new_name) for old_name, new_name in renamings if old_name != new_name}

    def report(self, line: int, problem: str) -> None:
        self.trees.problems.append(f"{self.path}:{line}: {problem}")

    def open_scope(self, old: ast.AST, new: ast.AST) -> ScopePair:
        self.scope_count += 1
        is_class = isinstance(old, ast.ClassDef)
        return ScopePair(
            self.scope_count, Scope(find_bound_names(old), is_class), Scope(find_bound_names(new), is_class)
        )

    # Syntax

    def compare_nodes(self, old: ast.AST, new: ast.AST, scopes: Scopes) -> None:
        if type(old) is not type(new):
            self.report(find_line(new), f"{type(old).__name__} became {type(new).__name__}")
        elif isinstance(old, ast.Constant):
            self.compare_constants(old, new)
        elif is_name_list(old) and is_name_list(new):
            location = f"{self.path}:{find_line(new)}"
            self.trees.texts.append(TextPair(location, ast.unparse(old), ast.unparse(new)))
        else:
            self.compare_names(old, new, scopes)
            self.compare_children(old, new, scopes)

    def compare_children(self, old: ast.AST, new: ast.AST, scopes: Scopes) -> None:
        """Compares what a node consists of, each part within the scopes where Python looks its names up."""
        if isinstance(old, FUNCTIONS):
            inner = (*scopes, self.open_scope(old, new))
            self.compare_parameters(old.args, new.args, scopes, inner)
            self.compare_fields(old, new, scopes, ["decorator_list", "returns"])
            self.compare_fields(old, new, inner, ["body"])
        elif isinstance(old, ast.ClassDef):
            self.compare_fields(old, new, scopes, ["decorator_list", "bases", "keywords"])
            self.compare_fields(old, new, (*scopes, self.open_scope(old, new)), ["body"])
        elif isinstance(old, COMPREHENSIONS):
            inner = (*scopes, self.open_scope(old, new))
            self.compare_nodes(old.generators[0].iter, new.generators[0].iter, scopes)
            self.compare_fields(old.generators[0], new.generators[0], inner, ["target", "ifs", "is_async"])
            self.compare_values(old.generators[1:], new.generators[1:], inner, find_line(new))
            self.compare_fields(old, new, inner, ["elt", "key", "value"])
        else:
            name_fields = {BINDING_FIELDS.get(type(old)), MEMBER_FIELDS.get(type(old)), "names", "kwd_attrs"}
            self.compare_fields(old, new, scopes, [name for name in old._fields if name not in name_fields])

    def compare_parameters(self, old: ast.arguments, new: ast.arguments, outer: Scopes, inner: Scopes) -> None:
        old_parameters = list_parameters(old)
        new_parameters = list_parameters(new)
        if [kind for kind, _ in old_parameters] != [kind for kind, _ in new_parameters]:
            self.report(find_line(new), "the parameters differ")
            return
        for (_, old_parameter), (_, new_parameter) in zip(old_parameters, new_parameters, strict=True):
            self.compare_names(old_parameter, new_parameter, inner)
            self.compare_fields(old_parameter, new_parameter, outer, ["annotation"])
        self.compare_fields(old, new, outer, ["defaults", "kw_defaults"])

    def compare_fields(self, old: ast.AST, new: ast.AST, scopes: Scopes, names: Sequence[str]) -> None:
        for name in names:
            old_value = getattr(old, name, None)
            new_value = getattr(new, name, None)
            if name in STATEMENT_FIELDS and isinstance(old_value, list):
                self.compare_statements(old_value, new_value, scopes, find_line(new))
            else:
                self.compare_values(old_value, new_value, scopes, find_line(new))

    def compare_values(self, old: FieldValue, new: FieldValue, scopes: Scopes, line: int) -> None:
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            self.compare_nodes(old, new, scopes)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for old_value, new_value in zip(old, new, strict=True):
                self.compare_values(old_value, new_value, scopes, line)
        elif old != new:
            self.report(line, f"{describe_value(old)} became {describe_value(new)}")

    def compare_statements(self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], scopes: Scopes, line: int) -> None:
        """Compares blocks of imports without their order, and other statements one by one."""
        old_blocks = [(is_import, list(block)) for is_import, block in groupby(old, is_import_statement)]
        new_blocks = [(is_import, list(block)) for is_import, block in groupby(new, is_import_statement)]
        if [is_import for is_import, _ in old_blocks] != [is_import for is_import, _ in new_blocks]:
            self.report(line, "statements were added, removed or moved across imports")
            return
        for (is_import, old_block), (_, new_block) in zip(old_blocks, new_blocks, strict=True):
            if is_import:
                self.compare_imports(old_block, new_block, scopes)
            elif len(old_block) != len(new_block):
                self.report(find_line(new_block[0]), f"{len(old_block)} statements became {len(new_block)}")
            else:
                for old_statement, new_statement in zip(old_block, new_block, strict=True):
                    self.compare_statement(old_statement, new_statement, scopes)

    def compare_statement(self, old: ast.stmt, new: ast.stmt, scopes: Scopes) -> None:
        old_docstring = read_docstring(old)
        new_docstring = read_docstring(new)
        if old_docstring is None or new_docstring is None:
            self.compare_nodes(old, new, scopes)
        elif old_docstring != new_docstring:
            self.trees.texts.append(TextPair(f"{self.path}:{find_line(new)}", old_docstring, new_docstring))

    def compare_constants(self, old: ast.Constant, new: ast.Constant) -> None:
        is_equal = type(old.value) is type(new.value) and old.value == new.value
        if not is_equal and not self.trees.accepts(old.value, new.value):
            self.report(find_line(new), quote_difference(repr(old.value), repr(new.value)))

    # Names

    def compare_names(self, old: ast.AST, new: ast.AST, scopes: Scopes) -> None:
        """Notes the names that two nodes have themselves, each in its space."""
        line = find_line(new)
        if binding_field := BINDING_FIELDS.get(type(old)):
            self.compare_bound_names(getattr(old, binding_field), getattr(new, binding_field), scopes, line)
        elif member_field := MEMBER_FIELDS.get(type(old)):
            self.add_renaming(type(old).__name__, getattr(old, member_field), getattr(new, member_field), line)
        elif isinstance(old, (ast.Global, ast.Nonlocal)):
            self.compare_name_lists(old.names, new.names, scopes, line)
        elif isinstance(old, ast.MatchClass):
            self.compare_name_lists(old.kwd_attrs, new.kwd_attrs, None, line)

    def compare_name_lists(self, old: Sequence[str], new: Sequence[str], scopes: Scopes | None, line: int) -> None:
        """Of names in scopes, or of members."""
        if len(old) != len(new):
            self.report(line, f"{', '.join(old)} became {', '.join(new)}")
            return
        for old_name, new_name in zip(old, new, strict=True):
            if scopes is None:
                self.add_renaming(ast.Attribute.__name__, old_name, new_name, line)
            else:
                self.compare_bound_names(old_name, new_name, scopes, line)

    def compare_bound_names(self, old: str | None, new: str | None, scopes: Scopes, line: int) -> None:
        if old is None or new is None:
            if old != new:
                self.report(line, f"{old} became {new}")
            return
        old_scope = find_scope(old, scopes, "old")
        new_scope = find_scope(new, scopes, "new")
        if old_scope.number != new_scope.number:
            self.report(line, f"`{new}` is another variable than `{old}` was: a name of an inner scope hides it")
            return
        # A class's names are members of its instances.
        if old_scope.old.is_class:
            space = ast.Attribute.__name__
        else:
            space = old_scope.number
        self.add_renaming(space, old, new, line)

    def add_renaming(self, space: int | str, old: str, new: str, line: int) -> None:
        if (old is None) != (new is None):
            self.report(line, f"{old} became {new}")
        elif old is not None:
            self.renamings.setdefault(space, {}).setdefault((old, new), line)

    def check_renamings(self, space: int | str, renamings: Mapping[Renaming, int]) -> None:
        """Each old name has one new name, and no two have the same. Members may be of several classes: some are accepted."""
        new_names: dict[str, str] = {}
        old_names: dict[str, str] = {}
        for (old, new), line in renamings.items():
            if isinstance(space, str) and (old, new) in self.trees.accepted:
                continue
            if new_names.setdefault(old, new) != new:
                self.report(line, f"`{old}` became `{new}` here and `{new_names[old]}` elsewhere")
            if old_names.setdefault(new, old) != old:
                self.report(line, f"`{old}` and `{old_names[new]}` are both `{new}`")

    # Imports

    def compare_imports(self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], scopes: Scopes) -> None:
        old_names = [self.move_import(name) for statement in old for name in list_imported_names(statement)]
        new_names = [name for statement in new for name in list_imported_names(statement)]
        old_modules = Counter(describe_module(name) for name in old_names)
        new_modules = Counter(describe_module(name) for name in new_names)
        line = find_line(new[0])
        for module in sorted((old_modules - new_modules).keys() | (new_modules - old_modules).keys()):
            self.report(line, f"{old_modules[module]} imports of {module} became {new_modules[module]}")
        self.imports.append(ImportPair(old_names, new_names, scopes, line))

    def move_import(self, name: ImportedName) -> ImportedName:
        if name.level:
            return name
        if not name.module:
            return name._replace(name=self.trees.move_module(name.name))
        full_name = f"{name.module}.{name.name}"
        moved_name = self.trees.move_module(full_name)
        if moved_name == full_name:
            return name
        module, _, moved_name = moved_name.rpartition(".")
        return name._replace(module=module, name=moved_name)

    def check_imports(self, imports: ImportPair) -> None:
        """What an imported name is called in the code below is what is imported now."""
        for imported in imports.old:
            scope = find_scope(imported.bound_name, imports.scopes, "old")
            used_names = {new for old, new in self.renamings.get(scope.number, {}) if old == imported.bound_name}
            bound_names = {
                name.bound_name for name in imports.new if describe_module(name) == describe_module(imported)
            }
            for name in sorted(used_names - bound_names):
                self.report(imports.line, f"`{imported.bound_name}` became `{name}`, which isn't imported as that")


def find_scope(name: str, scopes: Scopes, tree: str) -> ScopePair:
    """The innermost scope that binds a name in the "old" or "new" tree, or the module.

    A class's names are seen directly in it only.
    """
    for pair in reversed(scopes):
        scope = getattr(pair, tree)
        if name in scope.names and (not scope.is_class or pair is scopes[-1]):
            return pair
    return scopes[0]


def find_bound_names(scope: ast.AST) -> frozenset[str]:
    names = set()
    outer_names = set()
    for node in walk_scope(scope):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outer_names |= set(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {name.bound_name for name in list_imported_names(node)}
        elif type(node) in BINDING_FIELDS and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            names.add(getattr(node, BINDING_FIELDS[type(node)]))
    return frozenset(names - outer_names - {None})


def walk_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope that may bind its names; of scopes within it only the node that opens them."""
    if isinstance(scope, COMPREHENSIONS):
        for generator in scope.generators:
            yield from ast.walk(generator.target)
        return
    waiting: list[ast.AST] = [scope.body] if isinstance(scope, ast.Lambda) else list(scope.body)
    if isinstance(scope, FUNCTIONS):
        waiting += [parameter for _, parameter in list_parameters(scope.args)]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, COMPREHENSIONS):
            # `:=` in a comprehension binds in the scope around it
            waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def list_parameters(arguments: ast.arguments) -> list[tuple[str, ast.arg]]:
    """Each parameter with its kind."""
    parameters = [("positional", parameter) for parameter in arguments.posonlyargs]
    parameters += [("any", parameter) for parameter in arguments.args]
    parameters += [("keyword", parameter) for parameter in arguments.kwonlyargs]
    parameters += [("rest", arguments.vararg)] if arguments.vararg else []
    parameters += [("other keywords", arguments.kwarg)] if arguments.kwarg else []
    return parameters


def list_imported_names(statement: ast.stmt) -> list[ImportedName]:
    if isinstance(statement, ast.ImportFrom):
        module = statement.module or ""
        return [ImportedName(statement.level, module, alias.name, alias.asname) for alias in statement.names]
    return [ImportedName(0, "", alias.name, alias.asname) for alias in statement.names]


def describe_module(name: ImportedName) -> str:
    """The module that an import names."""
    if name.level or name.module:
        return "." * name.level + name.module
    return name.name


def is_import_statement(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Import, ast.ImportFrom))


def is_name_list(node: ast.AST) -> bool:
    """Whether a statement is a module's `__all__`, whose texts are names."""
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"


def read_docstring(statement: ast.stmt) -> str | None:
    """The text of a statement that is nothing else."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        text = statement.value.value
        return text if isinstance(text, str) else None
    return None


def find_line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def describe_value(value: FieldValue) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, ast.AST):
        return type(value).__name__
    return repr(value)


def quote_difference(old: str, new: str) -> str:
    """What became what, with a few characters around it."""
    equal_letters = [old_letter == new_letter for old_letter, new_letter in zip(old, new, strict=False)]
    prefix_length = [*equal_letters, False].index(False)
    start = max(0, prefix_length - QUOTED // 4)
    before = "…" if start else ""
    old_quote = before + old[start : start + QUOTED]
    new_quote = before + new[start : start + QUOTED]
    return f"{old_quote} became {new_quote}"


def name_module(path: str) -> str:
    """A module or package by its path."""
    return path.removeprefix(SOURCE_FOLDER).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read_tree(source: str, ignored: Sequence[str]) -> dict[str, bytes]:
    """The files of a folder or a commit, but for some files and folders."""
    if Path(source).is_dir():
        files = read_folder(Path(source))
    else:
        files = read_commit(ROOT, source)
    return {path: text for path, text in files.items() if not is_below(path, ignored)}


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder, but for those that git ignores."""
    if (folder / ".git").exists():
        listed = run_git(folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z").decode().split("\0")
        paths = [folder / name for name in listed if name]
    else:
        paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def split_pair(argument: str) -> Renaming:
    old, _, new = argument.partition("=")
    return old, new


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.only_names", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", metavar="OLD", help="a folder or a commit")
    parser.add_argument("new", metavar="NEW", nargs="?", default=str(ROOT), help="the same; by default this tree")
    parser.add_argument("--moved", metavar="OLD=NEW", action="append", default=[], type=split_pair)
    parser.add_argument("--accept", metavar="OLD=NEW", action="append", default=[], type=split_pair)
    parser.add_argument("--ignore", metavar="PATH", action="append", default=[TABLE])
    options = parser.parse_args(words)

    ignored = [path.rstrip("/") for path in options.ignore]
    comparison = TreeComparison(moved=dict(options.moved), accepted=frozenset(options.accept))
    comparison.compare(read_tree(options.old, ignored), read_tree(options.new, ignored))
    print_comparison(comparison)
    return 1 if comparison.problems else 0


def print_comparison(comparison: TreeComparison) -> None:
    for problem in comparison.problems:
        print(problem)
    renamings = [f"{old} -> {new}" for old, new in sorted(comparison.renamings)]
    if len(renamings) > SHOWN_RENAMINGS:
        more = f" and {len(renamings) - SHOWN_RENAMINGS} more"
    else:
        more = ""
    print(f"{len(renamings)} renamings: {', '.join(renamings[:SHOWN_RENAMINGS])}{more}")
    print(f"{len(comparison.problems)} differences in more than names")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
