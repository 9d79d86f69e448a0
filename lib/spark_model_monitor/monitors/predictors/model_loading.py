"""Loads a model once per process and calls it: every row gets finite numbers, or an error says why it doesn't."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

import spark_model_monitor.monitors.predictors
from spark_model_monitor.data.engine.casts import convert_to_doubles, is_number
from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency, MonitorError, UnansweredRows
from spark_model_monitor.monitors.predictors import (
    PREDICTORS,
    AdditivePredictor,
    Cells,
    Model,
    ModelSource,
    Predict,
    register_predictor,
)
from spark_model_monitor.monitors.predictors.isolated_loading import require_loadable
from spark_model_monitor.plugins import cloudpickle
from spark_model_monitor.registry import import_all, load_function
from spark_model_monitor.statistics import Doubles, Flags

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from spark_model_monitor.documents.json_text import Json
    from spark_model_monitor.storage import Storage


@register_predictor("callable")
def load_callable(model: Model) -> Predict:
    """A function from a pandas frame to scores, or a function without parameters that returns such a function."""
    import inspect

    assert model.function is not None  # ensured where the model is created
    if not inspect.signature(model.function).parameters:
        predict: Predict = model.function()
        return predict
    return model.function


def convert_to_cells(columns: Sequence[pa.Array], names: Sequence[str], numeric: Sequence[bool]) -> Cells:
    """The cells of columns of numbers or texts, shape (rows, columns). numeric: whether each column is numeric.

    Raises UnansweredRows with the name of a numeric feature that has a cell that isn't a number.
    """
    # If all columns are numeric, one array of doubles needs much less memory than objects
    if all(numeric):
        return np.column_stack([_convert_to_doubles(column, name) for column, name in zip(columns, names, strict=True)])
    cells = np.empty((len(columns[0]), len(columns)), dtype=object)
    for index, (column, name, is_numeric) in enumerate(zip(columns, names, numeric, strict=True)):
        if is_numeric:
            # Missing numbers become None like missing texts, so that rows can be compared
            doubles = _convert_to_doubles(column, name)
            cells[:, index] = np.where(np.isnan(doubles), np.array(None), doubles.astype(object))
        else:
            # An empty text counts as missing, as in a file
            cells[:, index] = [None if cell == "" else cell for cell in column.to_pylist()]
    return cells


def are_numbers(column: pa.Array) -> bool:
    """Whether all cells of a column are numbers or numeric texts; True for a column without cells."""
    try:
        _convert_to_doubles(column, "")
    except BadInput:
        return False
    return True


def flag_numbers(column: pa.Array) -> Flags:
    """Flags of the cells that are numbers, numeric texts or missing."""
    if are_numbers(column):
        return np.ones(len(column), bool)
    import pandas as pd

    # Arrow stops at the first cell that is no number
    texts = pc.utf8_trim_whitespace(column).to_pandas()
    numbers = pd.to_numeric(texts, errors="coerce")
    return np.asarray(numbers.notna() | texts.isna() | texts.str.lower().isin(["", "nan"]))


def simplify_type(column: pa.Array) -> pa.Array:
    """The column as doubles or texts."""
    if pa.types.is_boolean(column.type) or is_number(column.type):
        return pc.cast(column, pa.float64(), safe=False)
    if pa.types.is_string(column.type):
        return column
    return pc.cast(column, pa.string())


def convert_to_texts(cells: Cells) -> list[str | None]:
    """Cells as texts for a file: whole numbers without a decimal point, None for missing cells."""

    def format_cell(cell: float | str | None) -> str | None:
        if cell is None or cell != cell:
            return None
        # Below 2^53, a double represents every integer exactly
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
            return str(int(cell))
        return str(cell)

    return list(map(format_cell, cells.tolist()))


def _convert_to_doubles(column: pa.Array, name: str) -> Doubles:
    if pa.types.is_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        present = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
        try:
            column = pc.cast(present, pa.float64())
        except pa.ArrowInvalid:
            raise UnansweredRows(
                f"feature {name!r} has a text where its baseline rows have numbers; leave it out by excluded_columns, or give "
                "baseline rows with its texts"
            ) from None
    return convert_to_doubles(column)


import_all(spark_model_monitor.monitors.predictors)

log = logging.getLogger(__name__)

MAX_BYTES = 2**32  # maximum size of a model's file, which is read as a whole
MAX_MESSAGE_LENGTH = 200  # characters of a model's own message that an error repeats

_loaded: dict[tuple[object, ...], Predict] = {}


def infer_flavour(name: str) -> str:
    """The flavour of a model, from its name.

    Raises BadConfiguration if it is unclear.
    """
    if name.startswith(("http://", "https://")):
        return "http"
    for loader in PREDICTORS.values():
        if name.lower().endswith(loader.facts["endings"]):
            return loader.name
    # `package.module:function`; a path may contain a colon, but then it also contains a slash
    module, _, function = name.rpartition(":")
    if module and "/" not in name and function.isidentifier():
        return "callable"
    endings = sorted(ending for loader in PREDICTORS.values() for ending in loader.facts["endings"])
    raise BadConfiguration(
        f"--model is {name!r}, whose flavour is not recognised; write a file that ends in {', '.join(endings)}, an address, "
        f"module:function, or --set model_flavour={'|'.join(sorted(PREDICTORS))}"
    )


def load_model(model: Model) -> Predict:
    """The model's function; loaded at the first use in this process.

    Raises MissingDependency if its library is missing, BadConfiguration if the file isn't such a model or may not be loaded.
    """
    # The content is part of the key, because a path may have another model in a later run of this process
    key = (model.flavour, model.name, model.content, model.function, repr(model.request), model.labels)
    if key not in _loaded:
        loader = PREDICTORS.get(model.flavour)
        try:
            predict = loader(model)
        except ImportError as error:
            raise MissingDependency(
                f"the model {model.name} needs {error.name or 'a library'}, which can't be imported; "
                f"{loader.facts['remedy']}"
            ) from error
        # The message of such an error already says what to do
        except MonitorError:
            raise
        except Exception as error:
            raise BadConfiguration(
                f"the model {model.name} can't be loaded as {model.flavour} ({describe_error(error)}); save it again, or write "
                "--set model_flavour=FLAVOUR"
            ) from error
        _loaded.clear()  # only one model is kept, because models may be large
        _loaded[key] = predict
    return _loaded[key]


def resolve_model(model: ModelSource, request: Mapping[str, Json], **facts: Any) -> Model:
    """A `Model` from any form in which a model can be given. request: the members of `predictor`. facts: further members
    of `Model`.
    """
    if isinstance(model, Model):
        return replace(model, request=model.request or request)
    if callable(model):
        return Model("callable", getattr(model, "__name__", "callable"), function=model, request=request, **facts)
    flavour = facts.pop("flavour", None) or infer_flavour(str(model))
    if flavour == "callable":
        facts["function"] = load_function(str(model), "--model")
    return Model(flavour, str(model), request=request, **facts)


def read_content(model: Model, storage: Callable[[str], Storage]) -> bytes:
    """The bytes of a model's file. Only the driver reads the file; it logs which model is loaded, and tests whether it can
    be.

    Raises BadConfiguration if the file doesn't have the required digest, or can't be loaded.
    """
    # These flavours have no file to read or test
    if model.flavour in ("callable", "http"):
        if model.sha256 is not None:
            raise BadConfiguration(f"model_sha256 is of a file, and {model.name} is none; leave it out")
        if model.flavour == "http":
            # The log shows the address without user name, password and query
            url = urlsplit(model.name)
            log.info(f"model: {url.scheme}://{url.hostname}{url.path}, asked over HTTP")
        else:
            log.info("model: %s, imported from %s", model.name, getattr(model.function, "__module__", "nowhere"))
        return model.content
    content = model.content or _read_file(model.name, storage(model.name))
    # The digest is compared before the content is used in any way
    digest = sha256(content).hexdigest()
    if model.sha256 not in (None, digest):
        raise BadConfiguration(
            f"model_sha256 is {model.sha256}, and {model.name} has {digest}; it is not loaded: name the file that was meant, "
            "or its digest"
        )
    log.info(f"model: {model.name}, {len(content):,} bytes, sha256 {digest}, loaded as {model.flavour}")
    # A damaged file may crash the process that loads it, so another process tries first, once for each content
    if digest not in _tested_digests and not model.runs_code:
        require_loadable(model.name, content, partial(_load_content, replace(model, content=b"")))
        _tested_digests.add(digest)
    return content


_tested_digests: set[str] = set()  # digests of the files that were loaded successfully


def _read_file(name: str, storage: Storage) -> bytes:
    # The size is checked first, because a process that runs out of memory can't give an error message
    size = sum(file.size_bytes for file in storage.list_files(name))
    if size > MAX_BYTES:
        raise BadConfiguration(f"the model {name} has {size:,} bytes, and may have {MAX_BYTES:,}; save it again")
    return storage.read(name)


def _load_content(model: Model, content: bytes) -> None:
    load_model(replace(model, content=content))


def prepare_for_tasks(model: Model) -> Model:
    """The model in the form that is sent with tasks. A function's module is sent by value, so that only the driver needs
    its file.
    """
    module = sys.modules.get(getattr(model.function, "__module__", ""))
    if module is not None and not module.__name__.startswith("spark_model_monitor."):
        cloudpickle().register_pickle_by_value(module)
    return replace(model, content=b"")


def describe_error(error: BaseException) -> str:
    """The class of an exception, and the beginning of its message."""
    words = " ".join(str(error).split())[:MAX_MESSAGE_LENGTH]
    if words:
        return f"{type(error).__name__}: {words}"
    return type(error).__name__


@dataclass
class ModelCaller:
    """A loaded model as a function of cells.

    names: names of the columns.
    numeric: whether each column is numeric.
    shows_model_message: whether errors repeat the model's message, which may contain values of rows.
    outputs: number of scores per row, known after the first call.
    """

    model: Model
    names: Sequence[str]
    numeric: Sequence[bool]
    shows_model_message: bool = False
    outputs: int | None = None

    def __call__(self, cells: Cells) -> Doubles:
        """The scores of some rows, shape (rows, outputs).

        Raises BadInput if the model raises an exception, or doesn't return finite numbers for each row.
        """
        scores = self._require_numbers(self._ask_model(cells), len(cells))
        # Sums over rows need the same outputs in every call
        scores_per_row = scores.shape[1]
        if self.outputs not in (None, scores_per_row):
            raise self._make_error(f"gives {scores_per_row} scores a row, and gave {self.outputs} before")
        self.outputs = scores_per_row
        return scores

    def labels(self, cells: Cells) -> NDArray[np.object_]:
        """The labels of some rows, as the model returns them: numbers or texts.

        Raises BadInput if the model raises an exception, or doesn't return a label for each row.
        """
        labels = np.asarray(self._ask_model(cells), dtype=object)
        if labels.shape not in ((len(cells),), (len(cells), 1)):
            raise self._make_error(
                f"gives an array of shape {labels.shape} for {len(cells):,} rows; it has to give a label for each"
            )
        labels = labels.reshape(-1)
        # NaN is a missing label, too; it is the only value that isn't equal to itself
        missing = sum(label is None or label != label for label in labels.tolist())
        if missing:
            raise self._make_error(f"gives no label for {missing:,} of {len(cells):,} rows", UnansweredRows)
        return labels

    def _ask_model(self, cells: Cells) -> ArrayLike:
        try:
            return load_model(self.model)(self._build_frame(cells))
        except MonitorError:
            raise
        except Exception as error:
            # A model's message may contain cells of the data, which must not be in logs
            problem = describe_error(error) if self.shows_model_message else type(error).__name__
            # If an endpoint fails, single rows aren't the cause; if a function raises an exception, they may be
            error_type = BadInput if self.model.flavour == "http" else UnansweredRows
            raise self._make_error(f"raised {problem}, called with {len(cells):,} rows", error_type) from None

    def build_exact_attribution(
        self, baseline: NDArray[Any], *, with_logit: bool
    ) -> Callable[[NDArray[Any]], Doubles] | None:
        """A function that computes local values without coalitions, if the model is a sum and the results are the same; else
        None.

        For log-odds there must be a single baseline row, because a mean of probabilities gives other values.
        Source: E3.6.
        """
        model = load_model(self.model)
        if not isinstance(model, AdditivePredictor) or baseline.dtype != np.float64:
            return None
        additive_model = model.sum
        if additive_model is None or additive_model.sums_log_odds != with_logit or (with_logit and len(baseline) > 1):
            return None
        # Convert to the model's order of columns, and back to the order of the data; a model without names takes it as it is
        names = list(self.names)
        order = [names.index(name) for name in additive_model.names if name in names] or [*range(len(names))]
        # If the model doesn't know a column, coalitions show that it has no effect
        if len(order) < len(names):
            return None
        inverse_order = np.argsort(order)
        attribute = additive_model.parts.build_attribution(baseline[:, order])
        return lambda rows: attribute(rows[:, order])[:, :, inverse_order]

    def _build_frame(self, cells: Cells) -> pd.DataFrame:
        import pandas as pd

        if cells.dtype == np.float64:
            return pd.DataFrame(cells, columns=list(self.names), copy=False)
        # By index, because several columns may have the same name
        types = {index: np.float64 for index, is_numeric in enumerate(self.numeric) if is_numeric}
        return pd.DataFrame(cells).astype(types).set_axis(list(self.names), axis=1)

    def _require_numbers(self, answers: ArrayLike, rows: int) -> Doubles:
        scores = np.asarray(answers)
        # NumPy's kinds: floating, signed, unsigned, boolean
        if scores.dtype.kind not in "fiub":
            raise self._make_error(f"gives {scores.dtype} where scores are wanted; let it give numbers", UnansweredRows)
        if scores.ndim not in (1, 2) or (scores.ndim == 2 and not scores.shape[1]):
            raise self._make_error(
                f"gives an array of shape {scores.shape}; it has to give a number, or a list of them, for each row"
            )
        if len(scores) != rows:
            raise self._make_error(f"gave {len(scores):,} answers for {rows:,} rows")
        scores = scores.reshape(rows, -1).astype(np.float64)
        # A single infinite row would make every sum infinite, so such rows are refused
        infinite = ~np.isfinite(scores).all(axis=1)
        if infinite.any():
            raise self._make_error(
                f"gives NaN or infinity for {int(infinite.sum()):,} of {rows:,} rows", UnansweredRows
            )
        return scores

    def _make_error(self, problem: str, error_type: type[BadInput] = BadInput) -> BadInput:
        return error_type(f"the model {self.model.name} ({self.model.flavour}) {problem}")
