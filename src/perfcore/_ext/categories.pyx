# CatBoost's categories: their hashes, and the cells that one-hot and counter features make of them.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLong, PyLong_Check
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libcpp.vector cimport vector
cimport numpy as cnp

import numpy as np

cnp.import_array()


cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef extern from "perfcore/city.hpp" namespace "perfcore::city" nogil:
    uint32_t c_category "perfcore::city::category"(const char* text, size_t size)


cdef extern from "perfcore/decimals.hpp" namespace "perfcore::decimals" nogil:
    const int MOST
    int c_signed "perfcore::decimals::write"(char* to, int64_t number)
    int c_unsigned "perfcore::decimals::write"(char* to, uint64_t number)


cdef extern from "perfcore/counters.hpp" namespace "perfcore::counters" nogil:
    cdef struct c_Counters "perfcore::counters::Counters":
        int64_t n_values, n_projections, n_tables
        const int32_t* value_category
        const uint32_t* value_hash
        const int64_t* category_start
        const int64_t* float_start
        const int64_t* match_start
        const int32_t* category
        const int32_t* float_column
        const int32_t* match_category
        const float* float_border
        const uint8_t* float_nan
        const uint32_t* match_hash
        const int64_t* table_start
        const int64_t* bucket_start
        const uint64_t* bucket_key
        const uint32_t* bucket_place
        const int64_t* counter_start
        const int64_t* place_start
        const float* number

    cdef struct c_Rows "perfcore::counters::Rows":
        const uint32_t* hash
        float* cell
        int64_t stride, n, n_floats

    cdef cppclass Cuckoo:
        pass

    bint c_build "perfcore::counters::build"(const c_Counters& counters, vector[Cuckoo]& tables) except +
    void c_fill "perfcore::counters::fill"(const c_Counters& counters, const vector[Cuckoo]& tables, const c_Rows& rows)


# -- hashes ------------------------------------------------------------------------------------------------------


cdef uint32_t _hash_of(object cell) except? 0:
    cdef char digits[MOST]
    cdef Py_ssize_t size
    cdef const char* text
    if PyUnicode_Check(cell):
        text = PyUnicode_AsUTF8AndSize(cell, &size)
        return c_category(text, size)
    if PyBytes_Check(cell):
        return c_category(PyBytes_AS_STRING(cell), PyBytes_GET_SIZE(cell))
    if PyLong_Check(cell):  # a bool is one, 0 or 1
        return c_category(digits, c_signed(digits, PyLong_AsLongLong(cell)))
    if isinstance(cell, np.unsignedinteger):
        return c_category(digits, c_unsigned(digits, <uint64_t>cell))
    if isinstance(cell, np.integer) and not isinstance(cell, np.timedelta64) or isinstance(cell, np.bool_):
        return c_category(digits, c_signed(digits, <int64_t>int(cell)))
    raise TypeError("no category")


def hash_objects(cnp.ndarray cells not None, uint32_t[::1] out not None):
    """out[i] = the hash of a text, bytes, a whole number or a bool; ``TypeError(i)`` at the first that is none."""
    if cnp.PyArray_TYPE(cells) != cnp.NPY_OBJECT or cnp.PyArray_NDIM(cells) != 1 or len(cells) != out.shape[0]:
        raise ValueError("cells and hashes of two shapes")
    cdef const char* data = <const char*>cnp.PyArray_DATA(cells)
    cdef cnp.npy_intp i, step = cnp.PyArray_STRIDE(cells, 0)
    cdef PyObject* cell
    for i in range(out.shape[0]):
        cell = (<PyObject**>(data + i * step))[0]
        try:
            out[i] = _hash_of(<object>cell if cell != NULL else None)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(i) from None


def hash_signed(const int64_t[:] cells not None, uint32_t[::1] out not None):
    """out[i] = the hash of a whole number's digits."""
    cdef char digits[MOST]
    cdef Py_ssize_t i
    if out.shape[0] != cells.shape[0]:
        raise ValueError("cells and hashes of two lengths")
    with nogil:
        for i in range(cells.shape[0]):
            out[i] = c_category(digits, c_signed(digits, cells[i]))


def hash_unsigned(const uint64_t[:] cells not None, uint32_t[::1] out not None):
    """The same of numbers that may be 2**63 and more."""
    cdef char digits[MOST]
    cdef Py_ssize_t i
    if out.shape[0] != cells.shape[0]:
        raise ValueError("cells and hashes of two lengths")
    with nogil:
        for i in range(cells.shape[0]):
            out[i] = c_category(digits, c_unsigned(digits, cells[i]))


# -- counters -----------------------------------------------------------------------------------------------------


cdef class CounterKernel:
    """Fills the cells after the floats; the arrays, which its maker has checked, are held and read in place."""

    cdef c_Counters _counters
    cdef vector[Cuckoo] _tables
    cdef dict _arrays
    cdef int64_t _n_categories, _n_floats, _n_cells

    def __cinit__(self, dict arrays not None, int64_t n_categories, int64_t n_floats):
        self._arrays = arrays
        self._n_categories, self._n_floats = n_categories, n_floats
        self._n_cells = n_floats + len(arrays["value_hash"]) + len(arrays["place_start"]) - 1
        cdef c_Counters* c = &self._counters
        c.n_values, c.n_projections = len(arrays["value_hash"]), len(arrays["category_start"]) - 1
        c.n_tables = len(arrays["bucket_start"]) - 1
        c.value_category = <const int32_t*>self._data("value_category", cnp.NPY_INT32)
        c.value_hash = <const uint32_t*>self._data("value_hash", cnp.NPY_UINT32)
        c.category_start = <const int64_t*>self._data("category_start", cnp.NPY_INT64)
        c.float_start = <const int64_t*>self._data("float_start", cnp.NPY_INT64)
        c.match_start = <const int64_t*>self._data("match_start", cnp.NPY_INT64)
        c.category = <const int32_t*>self._data("category", cnp.NPY_INT32)
        c.float_column = <const int32_t*>self._data("float_column", cnp.NPY_INT32)
        c.match_category = <const int32_t*>self._data("match_category", cnp.NPY_INT32)
        c.float_border = <const float*>self._data("float_border", cnp.NPY_FLOAT32)
        c.float_nan = <const uint8_t*>self._data("float_nan", cnp.NPY_UINT8)
        c.match_hash = <const uint32_t*>self._data("match_hash", cnp.NPY_UINT32)
        c.table_start = <const int64_t*>self._data("table_start", cnp.NPY_INT64)
        c.bucket_start = <const int64_t*>self._data("bucket_start", cnp.NPY_INT64)
        c.bucket_key = <const uint64_t*>self._data("bucket_key", cnp.NPY_UINT64)
        c.bucket_place = <const uint32_t*>self._data("bucket_place", cnp.NPY_UINT32)
        c.counter_start = <const int64_t*>self._data("counter_start", cnp.NPY_INT64)
        c.place_start = <const int64_t*>self._data("place_start", cnp.NPY_INT64)
        c.number = <const float*>self._data("number", cnp.NPY_FLOAT32)
        if not c_build(self._counters, self._tables):
            raise ValueError("keys of a table that cannot be told apart")

    cdef void* _data(self, str name, int kind) except? NULL:
        cdef cnp.ndarray array = self._arrays[name]
        if cnp.PyArray_TYPE(array) != kind or not cnp.PyArray_ISCARRAY_RO(array):
            raise TypeError(f"{name}: {array.dtype}, or not in one piece")
        return cnp.PyArray_DATA(array)

    def fill(self, const uint32_t[:, ::1] hashes not None, float[:, ::1] cells not None, int64_t n):
        """Cells of the first n rows; each column lies end to end, categories in ``hashes``, floats in ``cells``."""
        if (hashes.shape[0] != self._n_categories or cells.shape[0] != self._n_cells
                or hashes.shape[1] != cells.shape[1] or not 0 <= n <= cells.shape[1]):
            raise ValueError("hashes and cells of other shapes")
        if n == 0:
            return
        cdef c_Rows rows
        rows.hash = &hashes[0, 0] if self._n_categories else NULL
        rows.cell = &cells[0, 0] if self._n_cells else NULL
        rows.stride, rows.n, rows.n_floats = cells.shape[1], n, self._n_floats
        with nogil:
            c_fill(self._counters, self._tables, rows)
