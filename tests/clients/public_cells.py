"""What a notebook or a program in a public repository says of the service's files: printed by a cell, or asked for in its code.

`documents_in` finds the JSON that a cell printed (a captured record, a list of violations), `logged_in` the configuration in the
SDK's own log line. `configurations_in` finds what code asks Clarify for: a configuration written out as a dict, or by the SDK's
classes, which are replaced by ours, so that their arguments are tried too.

Code is read, never run. What it computes (headers of a frame, a baseline's values, the name of a model) is left out of the
configuration, or stands by a word of `PLACEHOLDERS` where a class needs it.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import spark_model_monitor.sagemaker as ours
from spark_model_monitor.sagemaker import clarify

LOGGED = "Analysis Config: "
"""The words before a configuration in the log of the SDK."""
MEMBERS = {"methods", "predictor", "label_values_or_threshold", "facet"}
"""A dict with two of these is a configuration."""
PRINTED: dict[str, tuple[set[str], ...]] = {
    "capture": ({"captureData", "eventMetadata"},),
    "merged": ({"captureData", "groundTruthData"},),
    "violations": ({"violations"},),
    "statistics": ({"features", "dataset"},),
    "constraints": ({"features", "monitoring_config"},),
    "analysis": (
        {"version", "explanations"},
        {"version", "pre_training_bias_metrics"},
        {"version", "post_training_bias_metrics"},
    ),
}
"""The members by which a printed document is known."""
LONGEST = 20_000
PLACEHOLDERS = {
    "label_values_or_threshold": [1],
    "facet_name": "facet",
    "s3_data_input_path": "s3://bucket/data",
    "s3_output_path": "s3://bucket/output",
    "name_or_index": "column",
    "segments": [["a"]],
    "language": "english",
    "granularity": "token",
    "model_type": "IMAGE_CLASSIFICATION",
}
CONFIGS = {name: getattr(clarify, name) for name in clarify.__all__ if name.endswith("Config")}
CONFIGS |= {name: getattr(ours, name) for name in ("BiasAnalysisConfig", "ExplainabilityAnalysisConfig")}
ANALYSES = {
    "run_pre_training_bias": ("pre_training_methods",),
    "run_post_training_bias": ("post_training_methods",),
    "run_bias": ("pre_training_methods", "post_training_methods"),
    "run_bias_and_explainability": ("pre_training_methods", "post_training_methods"),
    "suggest_baseline": ("pre_training_methods", "post_training_methods"),
    "DataBiasCheckConfig": ("pre_training_methods",),
    "ModelBiasCheckConfig": ("post_training_methods",),
    "run_explainability": (),
    "ModelExplainabilityCheckConfig": (),
}
"""Calls that start an analysis, with the parts of bias that they ask for."""


UNKNOWN = object()
"""What code computes, and reading it doesn't tell."""


class Reader(ast.NodeVisitor):
    """Goes through code in the order of its lines, and keeps what names stand for."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.found: list[Mapping[str, Any]] = []

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names[target.id] = value
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                mapping = self.names.get(target.value.id)
                key = self.value(target.slice)
                if isinstance(mapping, dict) and isinstance(key, str) and value is not UNKNOWN:
                    mapping[key] = value

    def visit_Expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.value(node.value)

    def value(self, node: ast.AST) -> Any:
        """What an expression is, or `UNKNOWN`."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names.get(name, UNKNOWN)
            case ast.List() | ast.Tuple():
                items = [self.value(item) for item in node.elts]
                return UNKNOWN if UNKNOWN in items else items
            case ast.Dict():
                return self._mapping(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand)
                if isinstance(value, int | float):
                    return -value
                return UNKNOWN
            case ast.Call():
                return self._call(node)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)
                return UNKNOWN

    def _mapping(self, node: ast.Dict) -> Any:
        keys = [None if key is None else self.value(key) for key in node.keys]
        pairs = zip(keys, map(self.value, node.values), strict=True)
        mapping = {key: value for key, value in pairs if isinstance(key, str) and value is not UNKNOWN}
        if len(MEMBERS & set(mapping)) > 1:
            self.found.append(mapping)
        return mapping

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            name = node.func.attr
        else:
            name = getattr(node.func, "id", "")
        if isinstance(node.func, ast.Attribute):
            self.value(node.func.value)
        positional = [self.value(argument) for argument in node.args]
        keywords = {argument.arg: self.value(argument.value) for argument in node.keywords if argument.arg}
        if name == "dict" and not positional:
            return {key: value for key, value in keywords.items() if value is not UNKNOWN}
        if name in CONFIGS:
            return self._build_object(CONFIGS[name], positional, keywords)
        if name in ANALYSES:
            self._add_run_configuration(name, [*positional, *keywords.values()], keywords)
        return UNKNOWN

    def _build_object(self, kind: Any, positional: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        signature = inspect.signature(kind)
        bound_arguments = signature.bind_partial(*positional, **keywords).arguments
        usable_arguments = {name: value for name, value in bound_arguments.items() if value is not UNKNOWN}
        for name, parameter in signature.parameters.items():
            if (
                name not in usable_arguments
                and name in bound_arguments
                and parameter.default is inspect.Parameter.empty
            ):
                if name not in PLACEHOLDERS:
                    return UNKNOWN
                usable_arguments[name] = PLACEHOLDERS[name]
        sdk_object = kind(**usable_arguments)
        if hasattr(sdk_object, "analysis_config") and kind is not clarify.DataConfig and kind is not clarify.BiasConfig:
            self.found.append(sdk_object.analysis_config)
        return sdk_object

    def _add_run_configuration(self, name: str, values: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        def find_instance(*kinds: type) -> Any:
            return next((value for value in values if isinstance(value, kinds)), None)

        data = find_instance(clarify.DataConfig)
        bias = find_instance(clarify.BiasConfig)
        if data is None:
            return
        model = find_instance(clarify.ModelConfig)
        model_scores = keywords.get("model_scores")
        scores = find_instance(clarify.ModelPredictedLabelConfig) or (
            model_scores if isinstance(model_scores, int | str) else None
        )
        listed = [listed_value for value in values for listed_value in (value if isinstance(value, list) else [value])]
        explained = [
            explainability_value
            for explainability_value in listed
            if isinstance(explainability_value, clarify.ExplainabilityConfig)
        ]
        if bias is not None and ANALYSES[name]:
            methods = {part: self._methods(part, keywords) for part in ANALYSES[name]}
            self.found.append(clarify.build_analysis_config(data, bias, model, scores, **methods))
        if explained:
            self.found.append(
                clarify.build_explanation_config(data, model or clarify.ModelConfig("model"), explained, scores)
            )

    @staticmethod
    def _methods(part: str, keywords: Mapping[str, Any]) -> Any:
        requested_methods = keywords.get(part, keywords.get("methods", "all"))
        return "all" if requested_methods is UNKNOWN else requested_methods


def configurations_in(before: Sequence[str], code: str) -> list[Mapping[str, Any]]:
    """The configurations that code asks for, after the code that was run before it.

    Raises MonitorError where a class of ours refuses its arguments.
    """
    reader = Reader()
    for earlier in before:
        with contextlib.suppress(Exception):  # what stops an earlier cell is that cell's own entry
            _read(reader, earlier)
    reader.found.clear()
    _read(reader, code)
    return reader.found


def _read(reader: Reader, code: str) -> None:
    try:
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", code))
    except SyntaxError:
        return
    reader.visit(tree)


def read_printed_text(cell: Mapping[str, Any]) -> str:
    """What a cell printed."""
    outputs = cell.get("outputs", ())
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join("".join(text) for text in texts)


def documents_in(cell: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    """The documents of a kind that a cell printed, as JSON or as Python shows them."""
    text = read_printed_text(cell)
    if not any(member in text for members in PRINTED[kind] for member in members):
        return
    if re.match(r"""\s*["'(\[]""", text):  # a text, or a list of texts, as Python shows it
        text = _shown(text)
    for document in _objects(text):
        if any(members <= set(document) for members in PRINTED[kind]):
            yield document


def logged_in(cell: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The configurations in the SDK's log lines that a cell printed."""
    return [
        next(_objects(logged_text), {})
        for logged_text in read_printed_text(cell).split(LOGGED)[1:]
        if logged_text.startswith("{")
    ]


def _shown(text: str) -> str:
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return text
    values = value if isinstance(value, list) else [value]
    return "\n".join(value if isinstance(value, str) else repr(value) for value in values)


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects in a text that stand whole, one after another."""
    opening = re.compile(r"""\{\s*(["'])""")
    position = 0
    while opened := opening.search(text, position):
        read = _json_at if opened[1] == '"' else _python_at
        match = read(text, opened.start())
        if match:
            yield match[0]
        position = match[1] if match else opened.end()


def _json_at(text: str, start: int) -> tuple[Mapping[str, Any], int] | None:
    try:
        return json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return None


def _python_at(text: str, start: int) -> tuple[Mapping[str, Any], int] | None:
    """An object as Python shows it. Brackets in its texts are taken to come in pairs, as those of JSON do."""
    depth = 0
    for bracket in re.finditer(r"[{}]", text[start : start + LONGEST]):
        depth += 1 if bracket[0] == "{" else -1
        if depth:
            continue
        try:
            literal = ast.literal_eval(text[start : start + bracket.end()])
            json.dumps(literal)
        except (SyntaxError, ValueError, TypeError):  # bytes are no JSON
            return None
        return literal, start + bracket.end()
    return None
