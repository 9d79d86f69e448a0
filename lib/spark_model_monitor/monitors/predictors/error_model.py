"""A model of another model's errors: it predicts from the inputs how far a prediction is likely to be off.

It is trained on the driver with known labels. The scan of a window applies it to each row, without labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import is_number
from spark_model_monitor.errors import BadConfiguration, BadInput, explain_missing_import
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.predictors.isolated_loading import require_loadable
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.blocks import BlockSums, assign_blocks
from spark_model_monitor.statistics.states.estimated import measure_expected_errors
from spark_model_monitor.storage import get_storage_without_spark

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor


MIN_ROWS = 100  # minimum number of rows for training
MAX_ROWS = 100_000  # more rows hardly improve it, but take time on the driver
MAX_TEXTS = 200  # maximum number of distinct texts of a feature; histograms have 255 bins
SEED = 20
NO_ERROR_MODEL = (
    "error_model is missing; the quality of predicted numbers is estimated by a model of their errors: have the baseline of "
    "model quality learn one, with --learn-errors errors.skops, and name that file"
)


@dataclass(frozen=True)
class ErrorModel:
    """A model of how far predicted numbers are likely to be off, learnt from rows with known labels.

    Parameters
    ----------
    names : tuple of str
        The columns that the model uses: features, and the prediction.
    texts : mapping of str to tuple of str
        For text columns, the texts that are distinguished, in the order of their errors.
    content : bytes
        The fitted model, a skops file, which runs no code.
    worth : BlockSums
        Actual errors beside expected errors, for rows that were not used for learning.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from spark_model_monitor import ErrorModel
    >>> known = pd.DataFrame({"rooms": np.arange(400) % 5, "price": 0.0, "predicted": np.arange(400) % 5 * 10.0})
    >>> errors = ErrorModel.learnt(known, label="price", prediction="predicted")
    >>> errors.names
    ('rooms', 'predicted')
    """

    names: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]]
    content: bytes = field(repr=False)
    worth: BlockSums = field(repr=False)

    @classmethod
    def learnt(cls, rows: pd.DataFrame, *, label: str, prediction: str) -> ErrorModel:
        """Learn errors from rows with labels, preferably of the validation set, not of the training data.

        rows: one column per name; columns with anything but numbers count as texts. From more rows, 100,000 are drawn.

        Returns
        -------
        ErrorModel
            For each half of the rows, a model of the other half measures its worth; the model itself is learnt from all rows.

        Raises
        ------
        BadConfiguration
            If a column is missing.
        BadInput
            If a label or a prediction is not a number, or there are fewer than 100 rows.
        MissingDependency
            If scikit-learn and skops, which the extra `sklearn` installs, are missing.
        """
        for option, name in (("label", label), ("prediction", prediction)):
            if name not in rows.columns:
                raise BadConfiguration(f"{option} is {name!r}, which is no column of the data")
        # The seed is fixed, so that the same rows give the same model
        if len(rows) > MAX_ROWS:
            rows = rows.sample(MAX_ROWS, random_state=SEED)
        if len(rows) < MIN_ROWS:
            raise BadInput(f"the data has {len(rows):,} rows; to learn errors takes {MIN_ROWS:,}")
        columns = {str(name): pa.Array.from_pandas(rows[name]) for name in rows.columns if name != label}
        # The target of the regression: the absolute error of each prediction
        absolute_errors = np.abs(_as_numbers(pa.Array.from_pandas(rows[label])) - _as_numbers(columns[prediction]))
        invalid_rows = np.count_nonzero(~np.isfinite(absolute_errors))
        if invalid_rows:
            raise BadInput(f"{invalid_rows:,} labels or predictions are no numbers; leave these rows out")
        texts = {
            name: _order_frequent_texts(column, absolute_errors)
            for name, column in columns.items()
            if not _holds_numbers(column)
        }
        cells = _encode_cells(columns, tuple(columns), texts)
        # Two-fold cross-validation: the errors of each half are predicted by a model trained on the other half
        first_half = np.random.default_rng(SEED).permutation(len(absolute_errors)) % 2 == 0
        expected = np.empty(len(absolute_errors))
        for is_training in (first_half, ~first_half):
            estimator = _fit_model(cells[is_training], absolute_errors[is_training])
            expected[~is_training] = estimator.predict(cells[~is_training])
        # Divide the rows into blocks, from which the accuracy of expected errors is estimated
        blocks = assign_blocks(np.arange(len(absolute_errors), dtype=np.uint64))
        worth = measure_expected_errors(absolute_errors, np.maximum(expected, 0.0), blocks)
        return cls(tuple(columns), texts, _dump_skops(_fit_model(cells, absolute_errors)), worth)

    def write(self, path: str) -> None:
        """Write the model to a file that ends in .skops, at any location that runs can read."""
        texts = {name: list(feature_texts) for name, feature_texts in self.texts.items()}
        members = {"names": list(self.names), "texts": texts, "model": self.content, "worth": self.worth.to_bytes()}
        get_storage_without_spark(path).write(path, _dump_skops(members))

    @classmethod
    def read(cls, path: str) -> ErrorModel:
        """Read a model that `write` wrote. Raises BadConfiguration for any other file."""
        content = get_storage_without_spark(path).read(path)
        require_loadable(path, content, partial(_open_with_model, path))
        members = _load_skops(path, content)
        if not isinstance(members, dict) or set(members) != {"names", "texts", "model", "worth"}:
            raise BadConfiguration(
                f"error_model is {path!r}, which is no model of errors; write one by ErrorModel.learnt"
            )
        texts = {name: tuple(feature_texts) for name, feature_texts in members["texts"].items()}
        return cls(tuple(members["names"]), texts, members["model"], BlockSums.from_bytes(members["worth"]))

    def __call__(self, columns: Mapping[str, pa.Array]) -> Doubles:
        """The expected absolute error of each row. columns: by name, at least the columns in `names`."""
        estimator = _load_skops("the model of errors", self.content)
        expected: Doubles = estimator.predict(_encode_cells(columns, self.names, self.texts))
        return np.maximum(expected, 0.0)


def _fit_model(cells: Doubles, absolute_errors: Doubles) -> HistGradientBoostingRegressor:
    with explain_missing_import(
        "errors are learnt by scikit-learn, which can't be imported; install spark-model-monitor[sklearn]"
    ):
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # one thread is faster than several that wait for each other on a busy machine
        return HistGradientBoostingRegressor(early_stopping=False, random_state=SEED).fit(cells, absolute_errors)


def _dump_skops(
    members: HistGradientBoostingRegressor | Mapping[str, list[str] | dict[str, list[str]] | bytes],
) -> bytes:
    with explain_missing_import(
        "models of errors are files of skops, which can't be imported; install spark-model-monitor[sklearn]"
    ):
        from skops import io

    return bytes(io.dumps(members))


@lru_cache(maxsize=1)
def _load_skops(name: str, content: bytes) -> Any:
    # Importing it at the top of the module would change the order of the flavours
    from spark_model_monitor.monitors.predictors.sklearn import open_skops

    try:
        with explain_missing_import(
            f"{name} is a file of skops, which can't be imported; install spark-model-monitor[sklearn]"
        ):
            return open_skops(Model("sklearn", name, content))
    except BadConfiguration:
        raise
    except Exception as error:
        raise BadConfiguration(
            f"error_model is {name!r}, which is no model of errors ({type(error).__name__}); write one by ErrorModel.learnt"
        ) from error


def _open_with_model(path: str, content: bytes) -> None:
    members = _load_skops(path, content)
    if isinstance(members, dict) and isinstance(members.get("model"), bytes):
        _load_skops(path, members["model"])


def _are_numbers(column: pa.Array) -> bool:
    return is_number(column.type) or pa.types.is_boolean(column.type)


def _holds_numbers(column: pa.Array) -> bool:
    """Whether all cells are numbers, or numeric texts as in a CSV file."""
    if _are_numbers(column):
        return True
    present = column.drop_null()
    return len(present) > 0 and not np.isnan(_as_numbers(present)).any()


def _as_numbers(column: pa.Array) -> Doubles:
    """The column as numbers, NaN for all other cells."""
    if not _are_numbers(column):
        texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
        # Arrow would also parse words such as `inf` and `nan`, which count as texts here
        decimal = pc.fill_null(pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"), False)
        column = pc.utf8_ltrim(pc.if_else(decimal, texts, None), characters="+")
    numbers = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _order_frequent_texts(column: pa.Array, absolute_errors: Doubles) -> tuple[str, ...]:
    """The most frequent texts of a column, ordered by mean error, so that a tree can split them by one threshold."""
    encoded = pc.cast(column, pa.string()).dictionary_encode()
    # Index 0 is for missing cells, and is removed
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False) + 1
    rows = np.bincount(codes)[1:]
    sums = np.bincount(codes, absolute_errors)[1:]
    most_frequent = np.argsort(-rows, kind="stable")[:MAX_TEXTS]
    by_mean_error = most_frequent[np.argsort(sums[most_frequent] / rows[most_frequent], kind="stable")]
    return tuple(encoded.dictionary.take(pa.array(by_mean_error)).to_pylist())


def _encode_cells(
    columns: Mapping[str, pa.Array], names: Sequence[str], texts: Mapping[str, tuple[str, ...]]
) -> Doubles:
    """The cells as numbers, shape (rows, columns): numbers, or the indexes of texts; NaN for missing or unknown cells."""
    columns_of_cells = []
    for name in names:
        column = columns[name]
        if name in texts:
            # The index in the order of errors; a text that was rare or absent in training counts as missing
            column = pc.index_in(pc.cast(column, pa.string()), pa.array(texts[name], pa.string()))
        columns_of_cells.append(_as_numbers(column))
    return np.column_stack(columns_of_cells)
