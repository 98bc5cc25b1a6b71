# Features of series: plans of many features over the columns of a table.
from collections.abc import Mapping

import numpy as np

from ..errors import InputError

cimport numpy as cnp
from cpython.bool cimport PyBool_Check
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.datetime cimport (
    PyDate_Check, PyDateTime_Check, PyDateTime_CheckExact, PyDateTime_DATE_GET_HOUR, PyDateTime_DATE_GET_MICROSECOND,
    PyDateTime_DATE_GET_MINUTE, PyDateTime_DATE_GET_SECOND, PyDateTime_GET_DAY, PyDateTime_GET_MONTH,
    PyDateTime_GET_YEAR, datetime_tzinfo, import_datetime,
)
from cpython.dict cimport PyDict_CheckExact, PyDict_GetItemWithError
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check, PyFloat_CheckExact
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

cnp.import_array()
import_datetime()

cdef object np_ndarray = np.ndarray
cdef int64_t LONG = 1_000  # cells of answers: some microseconds; below, dropping the GIL costs more than it gives

MISSING = missing()  # the NaN of a cell that is missing


cdef bint _lies_flat(array):
    return array.flags.c_contiguous and array.flags.aligned


cdef const double* _cells(array, Py_ssize_t n) except NULL:
    if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.ndim != 1 or not _lies_flat(array):
        raise TypeError("expected a contiguous 1-D array of float64")
    if array.shape[0] != n:
        raise ValueError(f"expected {n} cells, got {array.shape[0]}")
    return <const double*>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef const int64_t* _whole(array, Py_ssize_t n) except? NULL:
    if array is None:
        return NULL
    if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != 1 or not _lies_flat(array):
        raise TypeError("expected a contiguous 1-D array of int64")
    if n >= 0 and array.shape[0] != n:
        raise ValueError(f"expected {n} numbers, got {array.shape[0]}")
    return <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef int64_t* _room(array) noexcept:
    return <int64_t*>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef class Plan:
    """Features over the columns of a table: ``(kind, columns, integers, numbers)`` each; see features/feature.hpp.

    ``columns`` are places among the table's columns.
    """

    def __cinit__(self, int n_columns, features, bint nan_is_missing=True):
        cdef Spec spec
        cdef vector[int] places
        if n_columns < 1:
            raise ValueError("there is no column that features are of")
        self.n_columns = n_columns
        self.nan_is_missing = nan_is_missing
        for kind, columns, integers, numbers in features:
            spec = Spec()
            spec.kind = kind.encode()
            spec.nan_is_missing = nan_is_missing
            for name, number in integers.items():
                spec.integers[name.encode()] = number
            for name, number in numbers.items():
                spec.numbers[name.encode()] = number
            places.clear()
            for place in columns:
                if not 0 <= place < n_columns:
                    raise ValueError(f"{kind}: there is no column {place} of {n_columns}")
                places.push_back(place)
            if places.size() > <size_t>MAX_INPUTS:
                raise ValueError(f"{kind}: {places.size()} columns of at most {MAX_INPUTS}")
            if not self.plan.add(spec, places):
                raise ValueError(f"there is no feature {kind!r}")
            if self.plan.uses().back().feature.get().n_inputs() != <int>places.size():
                raise ValueError(f"{kind} takes {self.plan.uses().back().feature.get().n_inputs()} columns")

    @property
    def n_outputs(self):
        return self.plan.n_outputs()

    def run(self, list columns, times=None, order=None, bounds=None, int n_threads=1, out=None, bint is_plain=False):
        """Columns in (float64), columns out (float64, missing cells as `MISSING`; ``is_plain``: all NaN as numpy's).

        ``bounds`` (n_series + 1) says where each series begins in the rows taken in ``order``; without it all rows are
        one series; without ``order`` they lie series by series. Rows that ``order`` leaves out get missing cells.
        ``out``: arrays to write to, as rows of a matrix are.
        """
        if len(columns) != self.n_columns:
            raise ValueError(f"expected {self.n_columns} columns, got {len(columns)}")
        cdef Py_ssize_t n = len(columns[0])
        cdef vector[const double*] cells
        cdef vector[double*] told
        for column in columns:
            cells.push_back(_cells(column, n))
        cdef const int64_t* at = _whole(times, n)
        cdef const int64_t* rows = _whole(order, -1)
        cdef int64_t n_taken = n if order is None else len(order)
        cdef int64_t one[2]
        one[0] = 0
        one[1] = n_taken
        cdef const int64_t* begins = one
        cdef int64_t n_series = 1
        if bounds is not None:
            n_series = len(bounds) - 1
            begins = _whole(bounds, n_series + 1)
            _check_bounds(begins, n_series, n_taken)
        if rows != NULL:
            _check_order(rows, n_taken, n)
        out = [np.empty(n) for _ in range(self.plan.n_outputs())] if out is None else list(out)
        if len(out) != self.plan.n_outputs():
            raise ValueError(f"expected room for {self.plan.n_outputs()} columns, got {len(out)}")
        for column in out:
            told.push_back(<double*>_cells(column, n))
        cdef bint is_done
        if n * self.plan.n_outputs() < LONG:
            is_done = self.plan.run(cells.data(), self.n_columns, at, n, rows, begins, n_series, told.data(), 1,
                                    is_plain)
        else:
            with nogil:
                is_done = self.plan.run(cells.data(), self.n_columns, at, n, rows, begins, n_series, told.data(),
                                        n_threads, is_plain)
        if not is_done:
            raise MemoryError
        return out

    def run_steps(self, list columns, times=None):
        """`run` of one series, row by row as a stream has it: the same bits, told by the steps alone."""
        if len(columns) != self.n_columns:
            raise ValueError(f"expected {self.n_columns} columns, got {len(columns)}")
        cdef Py_ssize_t n = len(columns[0])
        cdef vector[const double*] cells
        cdef vector[double*] told
        for column in columns:
            cells.push_back(_cells(column, n))
        out = [np.empty(n) for _ in range(self.plan.n_outputs())]
        for column in out:
            told.push_back(<double*>cnp.PyArray_DATA(<cnp.ndarray>column))
        self.plan.run_steps(cells.data(), _whole(times, n), n, told.data())
        return out


def run_alone(dict plans, tuple columns, tuple key):
    """What ``plans[key]`` says of plain arrays as one series; None where it must be asked otherwise.

    One array, or a list of them. The shortest way for a short array: each Python object on it counts.
    """
    cdef const double* cells[3]
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t j
    if len(columns) > 3:
        return None
    for j in range(len(columns)):
        column = columns[j]
        if type(column) is not np_ndarray:
            return None
        if not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>column) or cnp.PyArray_TYPE(<cnp.ndarray>column) != cnp.NPY_DOUBLE:
            return None
        if cnp.PyArray_NDIM(<cnp.ndarray>column) != 1 or (j > 0 and cnp.PyArray_DIM(<cnp.ndarray>column, 0) != n):
            return None
        n = cnp.PyArray_DIM(<cnp.ndarray>column, 0)
        cells[j] = <const double*>cnp.PyArray_DATA(<cnp.ndarray>column)
    for part in key:
        # 50.0 and True are found under 50 and 1, but are no windows.
        if type(part) is not int and part is not None and type(part) is not str:
            return None
    cdef Plan plan = plans.get(key)
    if plan is None:
        return None
    cdef int n_outputs = plan.plan.n_outputs()
    cdef cnp.npy_intp shape[1]
    shape[0] = n
    out = cnp.PyArray_EMPTY(1, shape, cnp.NPY_DOUBLE, 0)
    cdef double* told[3]
    told[0] = <double*>cnp.PyArray_DATA(<cnp.ndarray>out)
    answer = out
    if n_outputs > 1:
        if n_outputs > 3:
            return None
        answer = [out]
        for j in range(1, n_outputs):
            out = cnp.PyArray_EMPTY(1, shape, cnp.NPY_DOUBLE, 0)
            told[j] = <double*>cnp.PyArray_DATA(<cnp.ndarray>out)
            answer.append(out)
    if n < LONG:
        plan.plan.run_alone(cells, n, told)
    else:
        with nogil:
            plan.plan.run_alone(cells, n, told)
    return answer


cdef _check_bounds(const int64_t* bounds, int64_t n_series, int64_t n):
    cdef int64_t i
    for i in range(n_series):
        if bounds[i] > bounds[i + 1]:
            raise ValueError("bounds must not decrease")
    if bounds[0] != 0 or bounds[n_series] != n:
        raise ValueError(f"bounds must go from 0 to {n}")


cdef _check_order(const int64_t* order, int64_t n_taken, int64_t n):
    cdef int64_t i
    for i in range(n_taken):
        if not 0 <= order[i] < n:
            raise ValueError(f"order: there is no row {order[i]} of {n}")


cdef _check_codes(const int64_t* codes, int64_t n, int64_t n_codes):
    cdef int64_t i
    for i in range(n):
        if not -1 <= codes[i] < n_codes:
            raise ValueError(f"there is no code {codes[i]} of {n_codes}")


def encode(keys, absent=None):
    """(codes, each code's first row) of whole numbers, numbered as they appear; -1 where ``absent`` (bool) says so."""
    cdef Py_ssize_t n = len(keys)
    cdef const int64_t* whole = _whole(keys, n)
    cdef const uint8_t* mask = _mask(absent, n)
    codes = np.empty(n, np.int64)
    cdef int64_t* out = _room(codes)
    cdef vector[int64_t] firsts
    with nogil:
        firsts = c_encode(whole, mask, n, out)
    return codes, _array(firsts)


def encode_texts(offsets, data, absent=None):
    """`encode` of texts as Arrow has them: text i lies from offsets[i] (int32 or int64) on in ``data``."""
    cdef Py_ssize_t n = len(offsets) - 1
    cdef const uint8_t* mask = _mask(absent, n)
    cdef const void* begins = cnp.PyArray_DATA(<cnp.ndarray?>offsets)
    cdef const char* text = <const char*>cnp.PyArray_DATA(<cnp.ndarray?>data)
    cdef bint is_small = offsets.dtype == np.int32
    if not is_small and offsets.dtype != np.int64 or not _lies_flat(offsets) or not _lies_flat(data):
        raise TypeError("expected contiguous offsets of int32 or int64, and contiguous bytes")
    codes = np.empty(n, np.int64)
    cdef int64_t* out = _room(codes)
    cdef vector[int64_t] firsts
    with nogil:
        if is_small:
            firsts = c_encode_texts(<const int32_t*>begins, text, mask, n, out)
        else:
            firsts = c_encode_texts(<const int64_t*>begins, text, mask, n, out)
    return codes, _array(firsts)


cdef const uint8_t* _mask(absent, Py_ssize_t n) except? NULL:
    if absent is None:
        return NULL
    if absent.dtype != np.bool_ or absent.shape != (n,) or not absent.flags.c_contiguous:
        raise TypeError(f"expected {n} contiguous bool")
    return <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>absent)


cdef _array(const vector[int64_t]& cells):
    array = np.empty(<Py_ssize_t>cells.size(), np.int64)
    cdef int64_t* room = _room(array)
    cdef size_t i
    for i in range(cells.size()):
        room[i] = cells[i]
    return array


def ascending(keys):
    """The bounds of series whose keys ascend from row to row; None where they do not."""
    cdef Py_ssize_t n = len(keys)
    cdef const int64_t* whole = _whole(keys, n)
    cdef vector[int64_t] found
    with nogil:
        found = c_ascending(whole, n)
    if found.empty():
        return None
    return _array(found)


def plain(cells):
    """An array of float64, its NaN all as numpy's own."""
    cdef Py_ssize_t n = len(cells)
    cdef double* at = <double*>_cells(cells, n)
    with nogil:
        make_plain(at, n)
    return cells


def arrange(codes, int64_t n_codes):
    """(order, bounds) of the series that ``codes`` number; order is None where they lie in order already."""
    cdef Py_ssize_t n = len(codes)
    cdef const int64_t* whole = _whole(codes, n)
    _check_codes(whole, n, n_codes)
    bounds = np.empty(n_codes + 1, np.int64)
    count(whole, n, n_codes, _room(bounds))
    if lie_in_order(whole, n):
        return None, bounds
    order = np.empty(bounds[n_codes], np.int64)
    cdef const int64_t* begins = _room(bounds)
    cdef int64_t* rows = _room(order)
    with nogil:
        c_arrange(whole, n, n_codes, begins, rows)
    return order, bounds


def rows_before(int64_t ago, codes, int64_t n_codes):
    """Of each row, the one so many rows (from 1) before it in its series; -1 where there is none."""
    cdef Py_ssize_t n = len(codes)
    cdef const int64_t* whole = _whole(codes, n)
    _check_codes(whole, n, n_codes)
    places = np.empty(n, np.int64)
    cdef int64_t* room = _room(places)
    with nogil:
        c_rows_before(whole, n, n_codes, ago, room)
    return places


def rows_before_in_order(int64_t ago, bounds):
    """The same of series whose rows lie together."""
    cdef int64_t n_series = len(bounds) - 1
    cdef const int64_t* begins = _whole(bounds, -1)
    _check_bounds(begins, n_series, begins[n_series])
    places = np.empty(begins[n_series], np.int64)
    cdef int64_t* room = _room(places)
    with nogil:
        c_rows_before(begins, n_series, ago, room)
    return places


cdef _check_series(times, order, bounds):
    cdef int64_t n = len(times), n_taken = n if order is None else len(order)
    _check_bounds(_whole(bounds, -1), len(bounds) - 1, n_taken)
    if order is not None:
        _check_order(_whole(order, -1), n_taken, n)


def look_at(times, order, bounds, bint counts_same=True):
    """(the first late row or -1, how many are late, how many have the time of the row before) of series.

    Without ``counts_same`` the last is not told.
    """
    _check_series(times, order, bounds)
    cdef const int64_t* rows = _whole(order, -1)
    cdef Times told = c_look_at(_whole(times, -1), len(times), rows, _whole(bounds, -1), len(bounds) - 1, counts_same)
    return told.first_late, told.n_late, told.n_same


def without_late(times, order, bounds):
    """(order, bounds) of the rows that are not late."""
    _check_series(times, order, bounds)
    kept = np.empty(bounds[len(bounds) - 1], np.int64)
    kept_bounds = np.empty(len(bounds), np.int64)
    cdef const int64_t* rows = _whole(order, -1)
    n = leave_out_late(_whole(times, -1), rows, _whole(bounds, -1), len(bounds) - 1, _room(kept), _room(kept_bounds))
    return kept[:n].copy(), kept_bounds


include "streams.pxi"
