"""pandas data frames as XGBoost reads them: names in order, dtypes it knows, categories by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .table import BLOCK_ROWS, column_blocks

if TYPE_CHECKING:
    from .xgboost import XGBoostInputs

Column = Callable[[int, int], np.ndarray]

# Names of pandas extension dtypes that xgboost/data.py maps: nullable and pyarrow numbers and booleans.
_WIDTHS = ("8", "16", "32", "64")
_NULLABLE = {f"{sign}Int{width}" for sign in ("", "U") for width in _WIDTHS} | {"Float32", "Float64", "boolean"}
_ARROW = {f"{sign}int{width}[pyarrow]" for sign in ("", "u") for width in _WIDTHS} | {
    "float[pyarrow]",
    "float32[pyarrow]",
    "double[pyarrow]",
    "float64[pyarrow]",
    "bool[pyarrow]",
}


class FrameReader:
    """Reads frames for one model's `XGBoostInputs`."""

    def __init__(self, inputs: XGBoostInputs):
        self.inputs = inputs

    def blocks(self, X: Any) -> Iterator[np.ndarray]:
        check_names(self.inputs, frame_names(X))
        if self._is_plain(set(X.dtypes.tolist())) and len(X.columns) == self.inputs.n_features:
            return (X.iloc[start : start + BLOCK_ROWS].to_numpy() for start in range(0, len(X), BLOCK_ROWS))
        recodes = recodes_categories(
            self.inputs, [str(name) for name in X.columns], [_is_category(each) for each in X.dtypes]
        )
        columns = [self._column(X.iloc[:, j], j, recodes) for j in range(len(X.columns))]
        columns += [absent] * (self.inputs.n_features - len(columns))
        return column_blocks(len(X), columns, np.float32)

    def _is_plain(self, dtypes: set[Any]) -> bool:
        """Whether the frame's cells, all of one float type, are what the kernel reads."""
        inputs = self.inputs
        takes_codes = inputs.categories is None or inputs.through_dmatrix
        return (
            dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}
            and len(dtypes) == 1
            and (np.isnan(inputs.missing) and takes_codes)
        )

    def _column(self, series: Any, j: int, recodes: bool) -> Column:
        if not _is_category(series.dtype):
            return without(self.inputs.missing, _numeric(series, j))
        values = series.cat.categories
        names = _names(values, j, self.inputs.counts_characters) if self.inputs.checks_categories else []
        own = codes_of(self.inputs, j, names, self.inputs.counts_characters) if recodes else None
        to = code_table(self.inputs, len(values), own)
        cells = series.cat.codes.to_numpy()
        return lambda start, stop: to[cells[start:stop]]


def check_names(inputs: XGBoostInputs, names: list[str]) -> None:
    """Booster._validate_features: the same names in the same order."""
    if len(set(names)) != len(names):
        raise InputError(f"column names must be unique, got {names}")
    expected = inputs.feature_names
    if expected is not None and names != list(expected):
        missing = [name for name in expected if name not in set(names)]
        unknown = [name for name in names if name not in set(expected)]
        raise InputError(
            f"feature_names mismatch: {list(expected)} {names}"
            + (f"; missing {missing}" if missing else "")
            + (f"; unknown {unknown}" if unknown else "")
        )


def recodes_categories(inputs: XGBoostInputs, names: list[str], is_category: list[bool]) -> bool:
    """Whether category columns are recoded to the remembered categories; their kinds must agree then."""
    if inputs.categories is None or (inputs.through_dmatrix and not any(is_category)):
        return False
    for j, (found, remembered) in enumerate(zip(is_category, inputs.categories, strict=False)):
        if found != (remembered is not None):
            raise InputError(f"column {j} ({names[j]!r}) {'is' if found else 'is not'} a category, unlike in training")
    return True


def frame_names(X: Any) -> list[str]:
    """Column names as xgboost/data.py pandas_feature_info makes them."""
    if X.columns.nlevels > 1:
        return [" ".join(str(part) for part in name) for name in X.columns]
    return [str(name) for name in X.columns]


def code_table(inputs: XGBoostInputs, n_codes: int, own: np.ndarray | None) -> np.ndarray:
    """What trees know each code of a category column by, ``own`` or, if None, the same; at the end, for -1, NaN."""
    codes = np.arange(n_codes, dtype=np.float32)
    to = np.append(codes if own is None else own, np.float32(np.nan))
    to[:-1][codes == np.float32(inputs.missing)] = np.nan
    return to


def codes_of(inputs: XGBoostInputs, j: int, values: list[str] | np.ndarray, cuts: bool = False) -> np.ndarray:
    """The training codes of a column's category values, float32; `InputError` for one not seen in training.

    ``cuts``: the values are cut from their joined text by character counts.
    """
    remembered = inputs.categories[j]
    if isinstance(values, np.ndarray) != isinstance(remembered, np.ndarray) or (
        isinstance(values, np.ndarray) and values.dtype != remembered.dtype
    ):
        raise InputError(
            f"column {j}: categories of {_kind(values)}, but those of training were of {_kind(remembered)}"
        )
    if isinstance(values, np.ndarray):
        keys, known = values.tolist(), remembered.tolist()
    else:
        keys, known = _cut(values, cuts), remembered
    # Of equal names the first counts: xgboost searches a stable sort for the lower bound.
    code = {name: i for i, name in reversed(list(enumerate(known)))}
    for key, value in zip(keys, values, strict=True):
        if key not in code:
            raise InputError(f"Found a category not in the training set for the {j}th (0-based) column: `{value}`")
    return np.array([code[key] for key in keys], np.float32)


def cell_code(inputs: XGBoostInputs, j: int, value: Any) -> float:
    """One cell of a row given by name: a category's value becomes its training code, a number stays."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return float("nan")
    remembered = inputs.categories[j]
    if remembered is None:
        if isinstance(value, str):
            raise InputError(f"column {j}: {value!r} is no number")
        cell = float(value)
        with np.errstate(over="ignore"):
            return float("nan") if np.float32(cell) == np.float32(inputs.missing) else cell
    if isinstance(remembered, np.ndarray):
        known = {number: i for i, number in reversed(list(enumerate(remembered.tolist())))}
        if value not in known:
            raise InputError(f"Found a category not in the training set for the {j}th (0-based) column: `{value}`")
        return float(known[value])
    if inputs.counts_characters and not str(value).isascii():
        raise InputError(
            f"column {j}: the xgboost of this model cuts category names of more than ASCII; "
            "pass a data frame, or the row as a sequence with the category's code"
        )
    return float(codes_of(inputs, j, [str(value)], inputs.counts_characters)[0])


def _cut(names: list[str], cuts: bool) -> list[str]:
    """Names as the bytes that xgboost compares, in Latin-1."""
    if not cuts:
        return [name.encode().decode("latin-1") for name in names]
    text = "".join(names).encode().decode("latin-1")
    ends = np.cumsum([0] + [len(name) for name in names]).tolist()
    return [text[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _names(values: Any, j: int, only_numpy: bool) -> list[str] | np.ndarray:
    """A pandas category index as texts, or as an array of whole numbers; before 3.4, of numpy's only."""
    if getattr(values.dtype, "kind", "O") in "iu" and (isinstance(values.dtype, np.dtype) or not only_numpy):
        return values.to_numpy(getattr(values.dtype, "numpy_dtype", values.dtype))
    names = values.tolist()
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"column {j}: categories must be text or whole numbers, got {values.dtype}")
    return names


def _kind(values: Any) -> str:
    return str(values.dtype) if isinstance(values, np.ndarray) else "text"


def _is_category(dtype: Any) -> bool:
    return getattr(dtype, "name", None) == "category" and hasattr(dtype, "categories")


def absent(start: int, stop: int) -> np.ndarray:
    return np.full(stop - start, np.nan, np.float32)


def without(missing: float, column: Column) -> Column:
    if np.isnan(missing):
        return column

    def cells(start: int, stop: int) -> np.ndarray:
        found = column(start, stop).astype(np.float32)
        found[found == np.float32(missing)] = np.nan
        return found

    return cells


def _numeric(series: Any, j: int) -> Column:
    """Cells of a column of numbers, by the conversion xgboost/data.py pandas_transform_data makes."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype.itemsize <= 8:
        return quiet(lambda start, stop: series.iloc[start:stop].to_numpy())
    if dtype.name in _NULLABLE:
        target = np.float64 if dtype.name == "Float64" else np.float32
        return quiet(lambda start, stop: series.iloc[start:stop].to_numpy(dtype=target, na_value=np.nan))
    if dtype.name in _ARROW:
        return quiet(_arrow(series))
    if hasattr(dtype, "subtype") and dtype.subtype.kind in "biuf":  # pandas' sparse arrays
        return quiet(lambda start, stop: series.iloc[start:stop].array.to_dense())
    raise InputError(
        f"column {j} ({series.name!r}) has dtype {dtype}: data frames must hold int, float, bool or category"
    )


def _arrow(series: Any) -> Column:
    chunks = series.array.__arrow_array__()
    # With a null anywhere pyarrow hands out whole numbers as float64, so they are rounded twice.
    through_double = chunks.null_count > 0

    def cells(start: int, stop: int) -> np.ndarray:
        found = chunks.slice(start, stop - start).combine_chunks().to_numpy(zero_copy_only=False)
        return found.astype(np.float64) if through_double and found.dtype.kind in "iu" else found

    return cells


def quiet(column: Column) -> Column:
    """Doubles beyond float32 become infinite without a warning."""

    def cells(start: int, stop: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(column(start, stop)).astype(np.float32, copy=False)

    return cells
