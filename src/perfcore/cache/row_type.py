"""RowType: what the rows of a cache are: numbers of one dtype, or columns of several."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigurationError, InputError
from ..inputs.table import is_dataframe
from .dictionaries import Dictionaries

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_BYTES = 2**31 - 1  # of a row: what Arrow has a list or bytes of
_NUMBERS = "native floats, integers and bool of up to 8 bytes"
_INTEGERS = (int, np.integer, np.bool_)
_LISTED = {"b": (bool, np.bool_), "i": _INTEGERS, "u": _INTEGERS, "f": (*_INTEGERS, float, np.floating)}  # by kind


class RowType:
    """Of ``width`` numbers of ``dtype``; where width is None, of the columns of a structured one."""

    def __init__(self, width: int | None, dtype: np.dtype, dictionaries: Dictionaries | None = None):
        self.width, self.dtype = width, dtype
        self.dictionaries = Dictionaries({}) if dictionaries is None else dictionaries
        self.shape: tuple[int, ...] = () if width is None else (width,)
        self.n_bytes = dtype.itemsize * (1 if width is None else width)
        self._blank = np.zeros(self.shape, dtype)
        for column in (self._blank[name] for name in dtype.names) if dtype.names else (self._blank,):
            if column.dtype.kind == "f":
                column[...] = np.nan

    @classmethod
    def of(cls, width: int | None = None, dtype: Any = "float32", schema: Any = None) -> RowType:
        """As arguments of a cache say."""
        if schema is None:
            if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
                raise ConfigurationError(
                    f"width={width!r}: allowed is a whole number from 1 on, or schema= in its place"
                )
            try:
                number = np.dtype(dtype)
            except TypeError:
                raise ConfigurationError(f"dtype={dtype!r}: allowed are {_NUMBERS}") from None
            if not _is_number(number):
                raise ConfigurationError(f"dtype={number}: allowed are {_NUMBERS}")
            if width * number.itemsize > _MOST_BYTES:
                n = f"{width * number.itemsize:,} bytes"
                raise ConfigurationError(f"width={width}: a row of {n}; allowed are at most {_MOST_BYTES:,}")
            return cls(int(width), number)
        if width is not None:
            raise ConfigurationError("width= and schema= exclude one another")
        if isinstance(schema, np.dtype):
            record, types = schema, {}
        elif type(schema).__module__.partition(".")[0] == "pyarrow" and hasattr(schema, "names"):
            if len(set(schema.names)) < len(schema.names):
                raise ConfigurationError(f"schema: columns of the names {schema.names}, of which some come twice")
            record = np.dtype([(its.name, _number(its)) for its in schema])
            types = {its.name: its.type.value_type for its in schema if hasattr(its.type, "index_type")}
        else:
            came = f"comes as {type(schema).__qualname__}"
            raise ConfigurationError(f"schema= {came}: allowed are a pyarrow.Schema or a structured numpy dtype")
        bad = [f"{name!r} of {record[name]}" for name in record.names or () if not _is_number(record[name])]
        if bad or not record.names:
            came = ", ".join(bad) or f"none in {schema}"
            raise ConfigurationError(f"schema: columns {came}; allowed are columns of {_NUMBERS}")
        if {"key", "hit"} & {*record.names}:
            raise ConfigurationError("schema: a column cannot be key or hit, which to_arrow adds")
        return cls(None, record, Dictionaries(types))

    @property
    def fingerprint(self) -> str:
        """Tells one layout of rows from another; `from_fingerprint` reads it."""
        fields = [[name, its[0].str, its[1]] for name, its in (self.dtype.fields or {}).items()] or self.dtype.str
        return json.dumps([self.width, fields, self.dtype.itemsize])

    @staticmethod
    def from_fingerprint(text: str) -> dict[str, Any]:
        """Arguments of `of`."""
        width, fields, itemsize = json.loads(text)
        if width is not None:
            return {"width": width, "dtype": fields}
        names, formats, offsets = zip(*fields, strict=True)
        return {"schema": np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})}

    def __repr__(self) -> str:
        return f"{len(self.dtype.names or ())} columns" if self.width is None else f"{self.width} x {self.dtype}"

    # -- tables of rows --------------------------------------------------------------------------------

    def empty(self, n: int) -> np.ndarray:
        return np.empty((n, *self.shape), self.dtype)

    def fill(self, value: Any) -> np.ndarray:
        """A row that stands for those that are not there: NaN, and 0 where there is none, unless said."""
        if value is None:
            return self._blank
        row = np.zeros(self.shape, self.dtype)
        if self.width is None and isinstance(value, np.ndarray | np.void):
            value = self._by_name(np.asarray(value))
        try:
            row[...] = value
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"fill={value!r}: allowed is a number or a row of {self}: {error}") from None
        return row

    def checked_out(self, out: Any, n: int | None) -> np.ndarray:
        """``out``, if ``n`` rows can be written to it, or a single one where that is None."""
        shape = self.shape if n is None else (n, *self.shape)
        if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self.dtype:
            came = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__qualname__
            raise InputError(f"out= is {came}, it must be an array of {self.dtype} {shape}")
        flags = out.flags
        if not flags.c_contiguous or not flags.writeable or not flags.aligned:
            raise InputError("out= must be C-contiguous, aligned and writeable")
        return out

    def table(self, rows: Any, n: int) -> np.ndarray:
        """``n`` rows as they are stored. Arrays convert without loss or not at all; Python's numbers are rounded."""
        if type(rows) is not np.ndarray and isinstance(rows, np.ma.MaskedArray):
            raise InputError("rows come as a masked array; a cache has no masked numbers: fill them first")
        if n == 0 and hasattr(rows, "__len__") and len(rows) == 0:
            return self.empty(0)
        if isinstance(rows, list | tuple):
            rows = self._of_lists(rows)
        if isinstance(rows, np.ndarray):
            table = rows
        elif self.width is None and _is_arrow(rows):
            table = self._of_columns(rows)
        elif _is_arrow(rows) and len(getattr(rows, "shape", (n,))) == 1:
            table = _of_fixed_size_lists(rows)
        else:
            table = np.asarray(rows)
        if self.width is None:
            table = self._by_name(table)
        if table.shape != (n, *self.shape):
            raise InputError(f"rows of shape {table.shape} for {n} keys: it must be {(n, *self.shape)}")
        flags = table.flags
        if table.dtype != self.dtype or not flags.c_contiguous or not flags.aligned:
            if not _fits(table, self.dtype):
                raise InputError(f"rows of {table.dtype}, the cache holds {self.dtype}: convert them first")
            table = np.require(table, self.dtype, ("C", "A"))
        for name in self.dictionaries.names:
            self.dictionaries.check(name, table[name])
        return table

    def _of_columns(self, rows: Any) -> np.ndarray:
        """Of an Arrow table, or what has the form of one: the columns of the schema, by name."""
        import pyarrow as pa

        names = self.dtype.names or ()
        table = np.empty(len(rows), self.dtype)
        plain: dict[str, np.ndarray] = {}  # what pandas has as numpy does: its own way to Arrow takes longer
        if is_dataframe(rows) and rows.columns.is_unique:
            its_dtypes = rows.dtypes.to_dict()
            wanted = [name for name in its_dtypes if str(name) in table.dtype.fields]
            for dtype in {its_dtypes[name] for name in wanted if _is_numpy_number(its_dtypes[name])}:
                alike = [name for name in wanted if its_dtypes[name] == dtype]
                plain |= zip(alike, rows[alike].to_numpy().T, strict=True)
            rows = rows[[name for name in wanted if name not in plain]]
        its = pa.table(rows) if len(plain) < len(names) else pa.table({})
        theirs = Counter([*plain, *its.column_names])
        odd = [name for name in names if theirs[name] != 1]
        if odd:
            n = "two columns" if theirs[odd[0]] else "no column"
            raise InputError(f"rows have {n} {odd[0]!r}; theirs are {list(theirs)}")
        for name in names:
            numbers = plain[name] if name in plain else self._of_column(name, its.column(name))
            if not _fits(numbers, self.dtype[name]):
                came = numbers.dtype if name in plain else its.column(name).type
                raise InputError(f"column {name!r} is of {came}, the cache holds {self.dtype[name]}: convert it first")
            table[name] = numbers
        return table

    def _of_column(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        import pyarrow as pa

        dtype = self.dtype[name]
        if column.null_count and not (pa.types.is_floating(column.type) and dtype.kind == "f"):
            raise InputError(f"column {name!r} has {column.null_count} nulls, which no {dtype} stands for")
        if pa.types.is_dictionary(column.type):
            return self.dictionaries.codes(name, column.unify_dictionaries().combine_chunks(), dtype)
        return column.to_numpy()

    def _by_name(self, rows: np.ndarray) -> np.ndarray:
        """The columns of the schema of a structured array, which may have others, and in another order."""
        names = rows.dtype.names
        if names is None or names == self.dtype.names:
            return rows
        absent = [name for name in self.dtype.names or () if name not in names]
        if absent:
            raise InputError(f"rows have no column {absent[0]!r}; theirs are {list(names)}")
        return rows[list(self.dtype.names or ())]

    def _of_lists(self, rows: list | tuple) -> np.ndarray:
        """Of numbers, or of rows that are arrays, which convert as arrays do."""
        try:
            if any(hasattr(row, "__array__") for row in rows):
                return np.asarray(rows)
            if self.width is None:
                for name, column in zip(self.dtype.names or (), zip(*rows, strict=True), strict=False):
                    _check_types(column, self.dtype[name], f"column {name!r} is")
            else:
                _check_types(itertools.chain.from_iterable(rows), self.dtype, "rows")
            with np.errstate(over="raise"):
                return np.asarray(rows, self.dtype)
        except (TypeError, ValueError, ArithmeticError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"rows that cannot be {self}: {error}") from error

    # -- Arrow -----------------------------------------------------------------------------------------

    @property
    def arrow(self) -> pa.DataType:
        """Of the column of rows in a file: lists of numbers; columns, and bools, as bytes."""
        import pyarrow as pa

        if self.width is None or self.dtype.kind == "b":
            return pa.binary(self.n_bytes)
        return pa.list_(pa.from_numpy_dtype(self.dtype), self.width)

    def to_file_column(self, rows: np.ndarray, n: int) -> pa.Array:
        """``rows`` (bytes, one row after another) as a file has them, without a copy."""
        import pyarrow as pa

        kind = self.arrow
        if pa.types.is_fixed_size_binary(kind):
            return pa.Array.from_buffers(kind, n, [None, pa.py_buffer(rows)])
        numbers = pa.Array.from_buffers(kind.value_type, n * kind.list_size, [None, pa.py_buffer(rows)])
        return pa.FixedSizeListArray.from_arrays(numbers, type=kind)

    def to_columns(self, rows: np.ndarray, hit: np.ndarray) -> dict[str, pa.Array]:
        """A table of rows as Arrow has it: the column ``row`` of fixed-size lists, or the columns of a schema."""
        import pyarrow as pa

        if self.width is None:
            columns = {name: np.ascontiguousarray(rows[name]) for name in self.dtype.names or ()}
            return {name: self.dictionaries.decoded(name, column, hit) for name, column in columns.items()}
        numbers = pa.array(rows.reshape(-1))
        return {"row": pa.FixedSizeListArray.from_arrays(numbers, self.width)}


def _of_fixed_size_lists(rows: Any) -> np.ndarray:
    import pyarrow as pa

    array = pa.chunked_array(rows).combine_chunks() if hasattr(rows, "__arrow_c_stream__") else pa.array(rows)
    if not pa.types.is_fixed_size_list(array.type) or array.null_count or array.flatten().null_count:
        raise InputError(f"rows of the Arrow type {array.type}: allowed are fixed-size lists without nulls")
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), array.type.list_size)


def _is_numpy_number(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _is_arrow(rows: Any) -> bool:
    return hasattr(rows, "__arrow_c_array__") or hasattr(rows, "__arrow_c_stream__")


def _is_number(dtype: np.dtype) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def _check_types(values: Iterable, dtype: np.dtype, what: str) -> None:
    """Numbers that no conversion to ``dtype`` cuts off, by their types alone: numpy takes text as numbers, too."""
    odd = [kind.__qualname__ for kind in set(map(type, values)) if not issubclass(kind, _LISTED[dtype.kind])]
    if odd:
        raise InputError(f"{what} of {', '.join(sorted(odd))}, the cache holds {dtype}: convert them first")


def _number(field: Any) -> np.dtype:
    import pyarrow as pa

    kind = field.type.index_type if pa.types.is_dictionary(field.type) else field.type
    try:
        return np.dtype(kind.to_pandas_dtype())
    except (NotImplementedError, TypeError):
        raise ConfigurationError(f"schema: column {field.name!r} of {field.type}; allowed are numbers") from None


def _fits(numbers: np.ndarray, dtype: np.dtype) -> bool:
    """Whether all keep their values; numpy calls integers of 64 bits safe as float64, which has 53."""
    if not np.can_cast(numbers.dtype, dtype, "safe"):
        return False
    if dtype.names is not None:
        return all(_fits(numbers[name], dtype[name]) for name in dtype.names)
    if dtype.kind != "f" or numbers.dtype.kind not in "iu" or numbers.dtype.itemsize < 8 or not numbers.size:
        return True
    return bool(-(2**53) <= numbers.min() and numbers.max() <= 2**53)
