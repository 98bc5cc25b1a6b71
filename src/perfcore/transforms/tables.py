"""A user's table, or what a step made, as columns that a plan reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .._ext.transforms import Lookup
from ..errors import InputError
from ..inputs.columns import Columns
from ..inputs.frames import Frame, _pandas_array, is_frame
from ..inputs.table import no_table, one_array
from .block import Column, Number, Source, Text

READ = {"float32", "float64", "int", "bool", "text", "category", "null", "decimal"}  # kinds of Arrow columns
HEAD = 3  # rows that show how a table's array would lie


class Table(Protocol):
    n_rows: int

    @property
    def names(self) -> tuple[str, ...] | None: ...

    @property
    def width(self) -> int: ...

    def signature(self) -> Any:
        """All that a plan depends on, hashable."""

    def column(self, source: Source) -> Column:
        """How a column enters a plan; ``source[1]`` is its place."""

    def dtype(self, places: Sequence[int] | None, checked: bool = True) -> np.dtype | None:
        """Of the array of these columns, as check_array() or np.asarray() makes it; None where each has its own."""

    def order(self, places: Sequence[int] | None) -> str:
        """ "C" or "F": how the array of these columns lies; None: of the whole table."""

    def numbers(self, place: int) -> np.ndarray: ...

    def codes(self, place: int, lookup: Lookup) -> np.ndarray: ...

    def objects(self, place: int) -> np.ndarray: ...

    def may_hold_none(self, place: int) -> bool:
        """Whether a column is of objects, with None perhaps among them."""

    def whole(self, places: Sequence[int] | None) -> np.ndarray | None:
        """The array that the table is, or these columns of it are, with its strides, if there is one."""

    def part(self, places: Sequence[int]) -> Any:
        """These columns, as scikit-learn would select them, in the kind that the table is of."""


def order_of(array: np.ndarray) -> str:
    """How a copy that keeps the order would lie."""
    if array.ndim != 2 or min(array.shape) < 2:
        return "C" if array.ndim != 2 or array.flags.c_contiguous or not array.flags.f_contiguous else "F"
    return "F" if abs(array.strides[0]) < abs(array.strides[1]) else "C"


def table_of(X: Any) -> Table:
    if isinstance(X, np.matrix):
        raise InputError("np.matrix is not supported; pass np.asarray(X)")
    if is_frame(X):
        frame = Frame.of(X)
        return PandasTable(frame) if frame.is_pandas else ArrowTable(X)
    if hasattr(X, "tocsr"):
        raise InputError("a sparse table before a pipeline's first step is not supported")
    return ArrayTable(X) if isinstance(X, np.ndarray) else _listed(X)


def _listed(X: Any) -> ArrayTable:
    try:
        array = np.asarray(X)
        is_of_texts = array.dtype.kind == "U"
        if array.dtype.kind not in "biufc":
            array = np.array(X, dtype=object)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot make a table of {type(X).__qualname__}: {error}") from error
    if array.ndim != 2:
        raise no_table(X, array.shape)
    return ArrayTable(array, is_of_texts)


def as_numbers(cells: np.ndarray, place: Any) -> np.ndarray:
    """Cells as check_array() makes numbers of them, native and aligned."""
    if cells.dtype == np.float16:
        return cells.astype(np.float32)
    if cells.dtype.kind == "b" or (cells.dtype.kind in "iuf" and cells.dtype.itemsize <= 8):
        return (
            cells
            if cells.dtype.isnative and cells.flags.aligned
            else np.require(cells, cells.dtype.newbyteorder("="), "A")
        )
    if cells.dtype.kind not in "OUS":
        raise InputError(f"column {place!r}: dtype {cells.dtype} is not supported; convert it to float64")
    try:
        return np.asarray(cells, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"column {place!r}: {error}") from error


class ArrayTable:
    """A numpy array; ``is_of_texts``: or a list, of which numpy would make texts."""

    def __init__(self, array: np.ndarray, is_of_texts: bool = False):
        self.names: tuple[str, ...] | None = None
        if array.ndim != 2:
            raise no_table(array, array.shape)
        if array.dtype.kind not in "biufOU" or array.dtype.itemsize > 8 and array.dtype.kind != "U":
            raise InputError(f"dtype {array.dtype} is not supported; convert the table to float64")
        self.array, self.n_rows = np.asarray(array), len(array)  # no masks: scikit-learn looks at none
        self.is_of_texts = is_of_texts or array.dtype.kind == "U"

    @property
    def width(self) -> int:
        return self.array.shape[1]

    def signature(self) -> Any:
        return "array", self.array.dtype, self.array.shape[1], order_of(self.array), self.is_of_texts

    def column(self, source: Source) -> Column:
        return Text(source) if self.array.dtype.kind in "OUb" else Number(source)

    def dtype(self, places: Sequence[int] | None, checked: bool = True) -> np.dtype | None:
        return self.array.dtype if self.array.dtype.kind != "U" else np.dtype(object)

    def order(self, places: Sequence[int] | None) -> str:
        return order_of(self.array)

    def numbers(self, place: int) -> np.ndarray:
        return as_numbers(self.array[:, place], place)

    def objects(self, place: int) -> np.ndarray:
        return self.array[:, place].astype(object)

    def codes(self, place: int, lookup: Lookup) -> np.ndarray:
        return lookup.of_objects(self.objects(place))

    def whole(self, places: Sequence[int] | None) -> np.ndarray | None:
        return self.array if places is None else _sliced(self.array, places)

    def may_hold_none(self, place: int) -> bool:
        return self.array.dtype == object

    def part(self, places: Sequence[int]) -> Any:
        return self.array[:, list(places)]


def _sliced(array: np.ndarray, places: Sequence[int]) -> np.ndarray | None:
    """Of a slice of columns, the array's own memory."""
    step = places[1] - places[0] if len(places) > 1 else 1
    chosen = range(places[0], places[-1] + (1 if step > 0 else -1), step) if step else range(0)
    return (
        array[:, slice(chosen.start, chosen.stop if chosen.stop >= 0 else None, step)]
        if list(chosen) == list(places)
        else None
    )


class PandasTable:
    """A pandas DataFrame."""

    def __init__(self, frame: Frame):
        self.frame = frame.table
        self.names, self.n_rows = frame.names, len(frame.table)
        self.dtypes = frame.table.dtypes.tolist()

    @property
    def width(self) -> int:
        return len(self.dtypes)

    def signature(self) -> Any:
        return "pandas", self.names, tuple(self.dtypes)

    def column(self, source: Source) -> Column:
        dtype = self.dtypes[source[1]]
        dtype = getattr(getattr(dtype, "categories", None), "dtype", dtype)
        numbers = "iuf" if isinstance(dtype, np.dtype) else "biuf"  # of nullable bools check_array() makes floats
        return Number(source) if getattr(dtype, "kind", "O") in numbers else Text(source)

    def dtype(self, places: Sequence[int] | None, checked: bool = True) -> np.dtype | None:
        if places is None:
            return None
        own = [self.dtypes[j] for j in places]
        if all(isinstance(each, np.dtype) and each.kind in "iuf" for each in own):
            return np.result_type(*own)
        if not checked:
            return np.asarray(self.part(places).iloc[:HEAD]).dtype
        return self._head(places).dtype

    def order(self, places: Sequence[int] | None) -> str:
        if self.n_rows == 1:
            return "C"  # pandas takes 0.2 ms to make that array
        head = self.frame.iloc[:HEAD].iloc[:, list(places if places is not None else range(self.width))]
        try:
            return order_of(_pandas_array(head, None))
        except InputError:  # objects
            return order_of(np.asarray(head))

    def reads_rows(self, output: Any) -> bool:
        """Whether the columns of a pass may be read as objects, a row at a time: whose numbers are the same then."""
        texts = {place for (_, place), *_ in filter(None, output.looked_up)}
        for place in texts | {place for _, place in output.numbers}:
            dtype = self.dtypes[place]
            kind = dtype.kind if isinstance(dtype, np.dtype) else "U" if _has_nan(dtype) else ""
            if kind not in ("OU" if place in texts else "iufO"):
                return False
        return True

    def _head(self, places: Sequence[int]) -> np.ndarray:
        return _pandas_array(self.frame.iloc[:HEAD].iloc[:, list(places)], None)

    def _cells(self, place: int) -> Any:
        return self.frame.iloc[:, place]

    def _name(self, place: int) -> Any:
        return self.frame.columns[place]

    def numbers(self, place: int) -> np.ndarray:
        dtype = self.dtypes[place]
        if isinstance(dtype, np.dtype):
            return as_numbers(self._cells(place).to_numpy(), self._name(place))
        return _pandas_array(self.frame.iloc[:, place : place + 1], np.dtype(np.float64))[:, 0]

    def objects(self, place: int) -> np.ndarray:
        cells = np.asarray(self._cells(place))
        if cells.dtype.kind in "mMc":
            raise InputError(f"column {self._name(place)!r}: {cells.dtype} is no number and no text")
        return cells.astype(object)

    def codes(self, place: int, lookup: Lookup) -> np.ndarray:
        dtype = self.dtypes[place]
        cells = self._cells(place)
        if hasattr(dtype, "categories") and hasattr(cells, "cat"):
            values = np.asarray(dtype.categories).tolist()
            known = np.array([*map(lookup.of, values), _missing(dtype.categories.dtype, lookup)], np.int32)
            return known[cells.cat.codes.to_numpy()]
        if getattr(dtype, "storage", "") == "pyarrow":
            return texts(cells.array.__arrow_array__(), lookup, _missing(dtype, lookup))
        return lookup.of_objects(self.objects(place))

    def whole(self, places: Sequence[int] | None) -> np.ndarray | None:
        return one_array(self.frame if places is None else self.part(places))

    def may_hold_none(self, place: int) -> bool:
        return getattr(self.dtypes[place], "kind", "") == "O"

    def part(self, places: Sequence[int]) -> Any:
        return self.frame if list(places) == list(range(self.width)) else self.frame.take(list(places), axis=1)


def _missing(dtype: Any, lookup: Lookup) -> int:
    """The code of what is missing in a pandas column of the dtype."""
    from pandas import NA

    return lookup.na if getattr(dtype, "na_value", None) is NA else lookup.nan


def _has_nan(dtype: Any) -> bool:
    """Of a pandas dtype of texts: whether what is missing is NaN."""
    return getattr(dtype, "name", "") == "str" and dtype.na_value is np.nan


class ArrowTable:
    """A table of Arrow columns: polars, pyarrow and what hands out such."""

    def __init__(self, X: Any):
        self.source, self.columns = X, Columns.of(X)
        self.names = tuple(self.columns.names)
        self.kinds = ["decimal" if kind.startswith("decimal") else kind for kind in self.columns.kinds]
        self.n_rows = len(self.columns)

    @property
    def width(self) -> int:
        return self.columns.width

    def signature(self) -> Any:
        return "arrow", self.names, tuple(map(str, self.columns.table.schema.types)), self._nulls()

    def _nulls(self) -> tuple[bool, ...]:
        return tuple(bool(column.null_count) for column in self.columns.table.columns)

    def column(self, source: Source) -> Column:
        kind = self.kinds[source[1]]
        if kind in ("float32", "float64", "int"):
            return Number(source)
        return Text(source)

    def dtype(self, places: Sequence[int] | None, checked: bool = True) -> np.dtype | None:
        if places is None:
            return None
        dtypes = []
        for j in places:
            kind, column = self.kinds[j], self.columns.table.column(j)
            if kind in ("text", "category", "null", "decimal"):
                return np.dtype(np.float64 if checked else object)
            if kind == "bool" and column.null_count and not checked and not self._has_floats(places):
                return np.dtype(object)
            dtypes.append(np.dtype(np.float64) if kind == "int" and column.null_count else _dtype(column.type))
        return np.result_type(*dtypes)

    def _has_floats(self, places: Sequence[int]) -> bool:
        """Whether bools are made floats, and nulls NaN, since others are: polars finds a type that holds all."""
        is_polars = type(self.source).__module__.startswith("polars")
        return is_polars and any(self.kinds[j].startswith("float") for j in places)

    def order(self, places: Sequence[int] | None) -> str:
        return "C" if type(self.source).__module__.startswith("pyarrow") else "F"

    def numbers(self, place: int) -> np.ndarray:
        self._require(place, READ - {"text", "category"})
        if self.kinds[place] in ("null", "decimal"):
            return as_numbers(self.objects(place), self.names[place])
        return self.columns.numbers(place, np.float64)(0, self.n_rows)

    def _require(self, place: int, kinds: set[str]) -> None:
        if self.kinds[place] not in kinds:
            raise InputError(f"column {self.names[place]!r}: {self.kinds[place]}, allowed: {', '.join(sorted(kinds))}")

    def objects(self, place: int) -> np.ndarray:
        self._require(place, READ)
        if self.kinds[place] == "null" and type(self.source).__module__.startswith("polars"):
            return np.full(self.n_rows, np.nan, object)  # as polars makes numpy's array of such a column
        cells = np.empty(self.n_rows, object)
        cells[:] = self.columns.table.column(place).to_pylist()
        if self.kinds[place] in ("int", "float32", "float64") and type(self.source).__module__.startswith("pyarrow"):
            cells[cells == None] = np.nan  # noqa: E711 - of each cell: pyarrow makes numpy's floats of such a column
        return cells

    def codes(self, place: int, lookup: Lookup) -> np.ndarray:
        column = self.columns.table.column(place)
        if self.kinds[place] == "text":
            return texts(column, lookup, lookup.none)
        if self.kinds[place] == "category":
            values, codes = self.columns.category(place)
            known = np.array([lookup.of(value) for value in values] + [lookup.none], np.int32)
            return known[codes(0, self.n_rows)]
        return lookup.of_objects(self.objects(place))

    def whole(self, places: Sequence[int] | None) -> np.ndarray | None:
        return None

    def may_hold_none(self, place: int) -> bool:
        return True

    def part(self, places: Sequence[int]) -> Any:
        names = [self.names[j] for j in places]
        return self.source.select(names) if hasattr(self.source, "select") else self.columns.table.select(names)


def _dtype(kind: Any) -> np.dtype:
    return np.dtype(kind.to_pandas_dtype())


# -- texts in Arrow's memory -----------------------------------------------------------------------------------


def texts(column: Any, lookup: Lookup, missing: int) -> np.ndarray:
    """Codes of an Arrow column of texts."""
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    parts = [_texts_of(chunk, lookup, missing) for chunk in chunks]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def _texts_of(array: Any, lookup: Lookup, missing: int) -> np.ndarray:
    if str(array.type) not in ("string", "large_string"):
        array = array.cast("large_string")
    valid, offsets, data = array.buffers()
    kind = np.int32 if str(array.type) == "string" else np.int64
    return lookup.of_texts(
        None if valid is None or not array.null_count else np.frombuffer(valid, np.uint8),
        np.frombuffer(offsets, kind) if offsets is not None else np.zeros(1, kind),
        np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8),
        array.offset,
        len(array),
        missing,
    )
