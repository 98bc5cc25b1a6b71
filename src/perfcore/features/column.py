"""One column of a user's table, or a series on its own: numbers with missing cells, times, keys."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from .._ext.features import MISSING, encode_texts
from ..errors import InputError

_ARROW_TEXT = ("string", "large_string", "string_view")
_ARROW_NUMBERS = ("bool", "halffloat", "float", "double", "null") + tuple(
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SECONDS = {"W": 604_800, "D": 86_400, "h": 3_600, "m": 60}
# The most of each unit before or after 1970 that nanoseconds reach; finer units are cut off, as pandas does.
_MOST = {"Y": 292, "M": 3_507} | {unit: (2**63 - 1) // (seconds * 10**9) for unit, seconds in _SECONDS.items()}
_MOST |= {unit: (2**63 - 1) // (10**9 // parts) for unit, parts in _PER_SECOND.items()}
_NAT = np.iinfo(np.int64).min


class Times(NamedTuple):
    """When rows are: nanoseconds since 1970, in UTC where they have a time zone; or plain whole numbers."""

    cells: np.ndarray  # int64
    kind: str  # "time", "zoned time", "number"


class Keys(NamedTuple):
    """What tells series apart: equal numbers are equal keys, and ``absent`` says where there is none.

    ``firsts``: the first row of each code, where cells are codes, numbered as they appear, and -1 where there is none.
    """

    cells: np.ndarray  # int64: codes, bits, or the numbers themselves
    absent: np.ndarray | None  # bool
    kind: str  # "number", "text", "time", "zoned time"
    values: Any  # rows (array of int64) -> their keys as a list of int, float or str; times as nanoseconds
    firsts: np.ndarray | None = None


def is_null_default(x: Any) -> bool:
    """Whether NaN is a missing cell to the library that x comes from: pandas and numpy yes, Arrow and polars no."""
    return type(x).__module__.partition(".")[0] not in ("pyarrow", "polars")


def flat(array: Any, dtype: Any) -> np.ndarray:
    """As compiled code reads it: contiguous and aligned; uncopied where it is so already."""
    return np.require(array, dtype, ["C", "A"])


def raw(x: Any, name: Any) -> Any:
    """The cells of a series as a 1-D numpy array or a pyarrow Array; `InputError` for what is none.

    ``name`` is what errors call it.
    """
    require_one_column(x, name)
    if isinstance(x, np.ndarray):
        array: Any = x
    elif type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "dtype"):
        array = x.to_numpy() if isinstance(x.dtype, np.dtype) else _from_pandas(x, name)
    elif hasattr(type(x), "to_arrow") and hasattr(x, "dtype"):
        array = _from_polars(x, name)
    elif hasattr(x, "type") and hasattr(x, "null_count"):
        array = x
    elif any(hasattr(type(x), each) for each in ("__arrow_c_array__", "__arrow_c_stream__")):
        import pyarrow

        try:
            array = pyarrow.chunked_array(x) if hasattr(type(x), "__arrow_c_stream__") else pyarrow.array(x)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise InputError(f"{name}: cannot read {_kind(x)} as a column: {error}") from error
    else:
        array = _from_list(x, name)
    if isinstance(array, np.ndarray):
        require_one_column(array, name)
        return array
    return _one_chunk(array, name)


def require_one_column(x: Any, name: Any) -> None:
    """`InputError` for tables, and for those that hold no rows yet."""
    if hasattr(type(x), "collect_schema") and hasattr(type(x), "collect"):
        raise InputError(f"{name}: a {_kind(x)} holds no rows yet: pass a column of what its collect() returns")
    shape = getattr(x, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1 and hasattr(x, "__len__"):
        raise InputError(f"{name}: expected one column, got a {_kind(x)} of shape {shape}")


def _from_list(x: Any, name: Any) -> np.ndarray:
    if isinstance(x, str | bytes) or not hasattr(x, "__len__"):
        raise InputError(f"{name}: expected a series (numpy, pandas, polars, Arrow, or a list), got a {_kind(x)}")
    try:
        array = np.asarray(x)
        if array.dtype.kind in "US" and not all(isinstance(cell, str | bytes) for cell in x):
            array = np.asarray(x, object)  # numpy makes text of numbers beside text
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: cannot make a series of a {_kind(x)}: {error}") from error
    return array


def _from_pandas(x: Any, name: Any) -> Any:
    import pyarrow

    if hasattr(x.dtype, "subtype") and hasattr(x, "sparse"):
        return x.sparse.to_dense().to_numpy()
    try:
        return pyarrow.array(x, from_pandas=True)
    except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f"{name}: cannot read cells of {x.dtype}: {error}") from error


def _from_polars(x: Any, name: Any) -> Any:
    try:
        return x.to_arrow()
    except Exception as error:  # polars raises its own, and panics, on columns of objects
        raise InputError(f"{name}: cannot read cells of {x.dtype}: {error}") from error


def _one_chunk(array: Any, name: Any) -> Any:
    import pyarrow

    try:
        if isinstance(array, pyarrow.ChunkedArray):
            if pyarrow.types.is_dictionary(array.type):
                array = array.unify_dictionaries()
            chunks = array.chunks
            array = chunks[0] if len(chunks) == 1 else pyarrow.concat_arrays(chunks or [pyarrow.array([], array.type)])
        while isinstance(array, pyarrow.ExtensionArray):
            array = array.storage
    except pyarrow.ArrowException as error:
        raise InputError(f"{name}: cannot read cells of {array.type}: {error}") from error
    return array


def numbers(x: Any, name: Any) -> np.ndarray:
    """The cells as float64, contiguous; those that are null are `MISSING`. Uncopied where they are so already."""
    array = raw(x, name)
    if not isinstance(array, np.ndarray):
        return _arrow_numbers(array, name)
    kind = array.dtype.kind
    if kind == "O":
        return _object_numbers(array, name)
    if kind not in "biuf" or array.dtype.itemsize > 8:
        raise _no_numbers(name, array.dtype)
    cells = flat(array, np.float64)
    if isinstance(array, np.ma.MaskedArray):
        cells = np.array(np.ma.getdata(array), np.float64)
        cells[np.ma.getmaskarray(array)] = MISSING
    return np.asarray(cells)


def _arrow_numbers(array: Any, name: Any) -> np.ndarray:
    kind = str(array.type)
    if kind not in _ARROW_NUMBERS:
        raise _no_numbers(name, kind)
    if kind == "null":
        return np.full(len(array), MISSING)
    if not array.null_count:
        return flat(array.to_numpy(zero_copy_only=False), np.float64)
    if kind == "double":
        return np.asarray(array.fill_null(MISSING).to_numpy())
    absent = array.is_null().to_numpy(zero_copy_only=False)
    if kind not in ("halffloat", "float", "double"):  # pyarrow would make floats, or objects, of these
        array = array.fill_null(False if kind == "bool" else 0)
    cells = np.array(array.to_numpy(zero_copy_only=False), np.float64)
    cells[absent] = MISSING
    return cells


def _object_numbers(array: np.ndarray, name: Any) -> np.ndarray:
    """Python's and numpy's numbers, None, and pandas' NA."""
    kinds = {type(cell) for cell in array.tolist()}
    missing = {each for each in kinds if each is type(None) or each.__name__ == "NAType"}
    wrong = [each for each in kinds - missing if not issubclass(each, bool | int | float | np.number | np.bool_)]
    if wrong or any(issubclass(each, np.complexfloating | np.timedelta64) for each in kinds):
        found = ", ".join(sorted(each.__name__ for each in kinds))
        row = next(i for i, cell in enumerate(array) if type(cell) in wrong) if wrong else 0
        raise InputError(f"{name}: expected numbers, got objects ({found}), as in row {row}; cast the column first")
    if missing:
        array = np.array([MISSING if type(cell) in missing else cell for cell in array], object)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: cannot read its objects as numbers: {error}") from error


def _no_numbers(name: Any, kind: Any) -> InputError:
    hint = "; cast the column first" if "decimal" in str(kind) else ""
    if "complex" in str(kind):
        hint = ". Complex data not supported"
    return InputError(f"{name}: expected numbers (whole, floating or bool), got {kind}{hint}")


def times(x: Any, name: Any) -> Times:
    """When rows are; `InputError` names the first row that has no time, or one beyond the years 1678 to 2261."""
    if str(getattr(x, "dtype", "")).startswith("period["):
        raise InputError(
            f"{name}: expected times, got periods ({x.dtype}); make timestamps of them: x.dt.to_timestamp()"
        )
    array = raw(x, name)
    if np.ma.is_masked(array):
        raise InputError(f"{name}: row {int(np.ma.getmaskarray(array).argmax())} has no time (masked)")
    if isinstance(array, np.ndarray) and array.dtype.kind == "O":
        array = _objects_to_arrow(array, name)
    if isinstance(array, np.ndarray):
        kind = array.dtype.kind
        if kind == "M":
            return Times(_numpy_nanoseconds(array, name), "time")
        if kind in "iu":
            return Times(_whole(array, name), "number")
        raise _no_times(name, array.dtype)
    kind = str(array.type)
    if kind == "null" and not len(array):  # of objects
        return Times(np.zeros(0, np.int64), "number")
    if kind not in _ARROW_NUMBERS and not kind.startswith(("timestamp", "date")):
        raise _no_times(name, kind)
    if array.null_count:
        row = int(array.is_null().to_numpy(zero_copy_only=False).argmax())
        raise InputError(f"{name}: row {row} has no time")
    cells = _arrow_times(array, name)
    if cells is not None:
        return Times(cells, "zoned time" if "tz=" in kind else "time")
    if "int" in kind:
        return Times(_whole(array.to_numpy(zero_copy_only=False), name), "number")
    raise _no_times(name, kind)


def _no_times(name: Any, kind: Any) -> InputError:
    return InputError(f"{name}: expected times (dates, timestamps or whole numbers), got {kind}")


def _whole(array: np.ndarray, name: Any) -> np.ndarray:
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and (array >= 2**63).any():
        raise InputError(
            f"{name}: row {int((array >= 2**63).argmax())} is {array.max()}: allowed are times below 2**63"
        )
    return flat(array, np.int64)


def _numpy_nanoseconds(array: np.ndarray, name: Any, absent: np.ndarray | None = None) -> np.ndarray:
    """``absent``: where cells may be NaT; elsewhere that is an error."""
    unit, count = np.datetime_data(array.dtype)
    nat = np.isnat(array)
    if absent is None and nat.any():
        raise InputError(f"{name}: row {int(nat.argmax())} has no time (NaT)")
    if (unit, count) == ("ns", 1):
        return flat(array, "M8[ns]").view(np.int64)
    if unit == "generic":
        return np.zeros(len(array), np.int64)
    if unit in _MOST:
        beyond = abs(array.astype(np.int64)) > _MOST[unit] // count
        if beyond.any():
            row = int(beyond.argmax())
            # NumPy cannot write those in nanoseconds: it wraps around, or raises from 2.5 on
            cell = f"{int(array[row].astype(np.int64)) * count} ns" if unit == "ns" else array[row]
            raise InputError(f"{name}: row {row} is {cell}: allowed are times from the year 1678 to 2261")
    return np.ascontiguousarray(array.astype("M8[ns]")).view(np.int64)


def _arrow_times(array: Any, name: Any) -> np.ndarray | None:
    """Nanoseconds of timestamps and dates; null is anything. None: it holds neither."""
    kind = str(array.type)
    if kind == "date32[day]":
        days = array.view("int32")
        cells = (days.fill_null(0) if days.null_count else days).to_numpy().astype("M8[D]")
    elif kind == "date64[ms]" or kind.startswith("timestamp["):
        unit = "ms" if kind == "date64[ms]" else kind[len("timestamp[") :].partition(",")[0].rstrip("]")
        whole = array.view("int64")
        cells = (whole.fill_null(0) if whole.null_count else whole).to_numpy().view(f"M8[{unit}]")
    else:
        return None
    return _numpy_nanoseconds(cells, name)


def _objects_to_arrow(array: np.ndarray, name: Any) -> Any:
    import pyarrow

    try:
        made = pyarrow.array(array, from_pandas=True)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        found = ", ".join(sorted({type(cell).__name__ for cell in array.tolist()}))
        raise InputError(f"{name}: expected cells of one kind, got objects ({found}): {error}") from error
    is_times = str(made.type).startswith(("timestamp", "date"))
    if is_times and len({_time_kind(cell) for cell in array.tolist()} - {None}) > 1:  # hours or zones would be lost
        raise InputError(f"{name}: expected dates, or times without a zone, or times with one; got several of these")
    return made


def _time_kind(cell: Any) -> tuple[bool, bool] | None:
    """Whether a Python date is a time, and one with a zone; None for any other cell."""
    if not isinstance(cell, date) or cell != cell:  # NaT
        return None
    return isinstance(cell, datetime), getattr(cell, "tzinfo", None) is not None


def keys(x: Any, name: Any) -> Keys:
    """What tells series apart: whole numbers, floats, bool, text, categories, dates, timestamps.

    A cell that is null, NaN, NaT or masked is no key.
    """
    array = raw(x, name)
    if isinstance(x, list | tuple) and array.dtype.kind == "f":
        lost = next((cell for cell in x if isinstance(cell, int) and float(cell) != cell), None)
        if lost is not None:
            raise InputError(f"{name}: {lost} is no float64, as the cells beside it make it: give keys of one type")
    if isinstance(array, np.ndarray) and array.dtype.kind in "OUT":
        array = _objects_to_arrow(array, name)
    if not isinstance(array, np.ndarray):
        return _arrow_keys(array, name)
    found = _numpy_keys(np.asarray(array), name)
    if not np.ma.is_masked(array):
        return found
    masked = np.ma.getmaskarray(array)
    return found._replace(absent=masked if found.absent is None else masked | found.absent)


def _numpy_keys(array: np.ndarray, name: Any) -> Keys:
    kind = array.dtype.kind
    if kind in "iub":
        cells = flat(array, np.int64) if kind != "u" else array.astype(np.uint64).view(np.int64)
        return Keys(cells, None, "number", lambda rows: array[rows].tolist())
    if kind == "f" and array.dtype.itemsize <= 8:
        floats = array.astype(np.float64) + 0.0  # one zero
        return Keys(floats.view(np.int64), np.isnan(floats), "number", lambda rows: floats[rows].tolist())
    if kind == "M":
        absent = np.isnat(array)
        cells = _numpy_nanoseconds(array, name, absent)
        return Keys(cells, absent, "time", lambda rows: cells[rows].tolist())
    raise _no_keys(name, array.dtype)


def _arrow_keys(array: Any, name: Any) -> Keys:
    kind = str(array.type)
    absent = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if kind == "null":
        return Keys(np.zeros(len(array), np.int64), np.ones(len(array), bool), "number", lambda rows: [])
    if kind in _ARROW_TEXT:
        return _text_keys(array.cast("large_string") if kind == "string_view" else array, absent)
    if kind.startswith("dictionary<"):
        values, places = keys(array.dictionary, name), _places(array)
        if not len(values.cells):
            return Keys(places, absent, values.kind, lambda rows: [])
        if values.absent is not None:
            absent = values.absent[places] if absent is None else absent | values.absent[places]
        return Keys(values.cells[places], absent, values.kind, lambda rows: values.values(places[rows]))
    nanoseconds = _arrow_times(array, name)
    if nanoseconds is not None:
        told = "zoned time" if "tz=" in kind else "time"
        return Keys(nanoseconds, absent, told, lambda rows: nanoseconds[rows].tolist())
    if kind not in _ARROW_NUMBERS:
        raise _no_keys(name, kind)
    is_float = kind in ("halffloat", "float", "double")
    filled = array if is_float or absent is None else array.fill_null(False if kind == "bool" else 0)
    told_of = _numpy_keys(filled.to_numpy(zero_copy_only=False), name)
    if absent is None:
        return told_of
    return told_of._replace(absent=absent if told_of.absent is None else absent | told_of.absent)


def _text_keys(array: Any, absent: np.ndarray | None) -> Keys:
    if not len(array):
        return Keys(np.zeros(0, np.int64), None, "text", lambda rows: [])
    _, offsets, data = array.buffers()
    begins = np.frombuffer(offsets, np.int64 if str(array.type) == "large_string" else np.int32)
    texts = np.frombuffer(data if data is not None and data.size else bytes(1), np.uint8)
    codes, firsts = encode_texts(begins[array.offset : array.offset + len(array) + 1], texts, absent)
    return Keys(codes, absent, "text", lambda rows: array.take(rows).to_pylist(), firsts)


def _places(array: Any) -> np.ndarray:
    """Of each cell of a dictionary array, where its value lies in the dictionary; 0 where it is null."""
    indices = array.indices
    return flat((indices.fill_null(0) if indices.null_count else indices).to_numpy(), np.int64)


def _no_keys(name: Any, kind: Any) -> InputError:
    return InputError(f"{name}: expected keys (numbers, text, categories, dates or timestamps), got {kind}")


def _kind(x: Any) -> str:
    return f"{type(x).__module__.partition('.')[0]}.{type(x).__qualname__}".removeprefix("builtins.")
