# A look at a table's cells before a kernel reads them.
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

cnp.import_array()


cdef extern from "perfcore/forest.hpp" namespace "perfcore" nogil:
    cdef cppclass Table:
        const char* data
        int64_t row_stride, column_stride, n
        bint is_float


cdef extern from "perfcore/cells.hpp" namespace "perfcore" nogil:
    cdef cppclass Found:
        bint nan, large

    Found c_scan "perfcore::scan"(const Table& x, int64_t n_columns, double bound)


cdef double INFINITY = float("inf")
cdef int64_t LONG = 20_000  # cells: 5 microseconds; below, dropping the GIL costs more than it gives


cdef bint _is_scannable(cnp.ndarray X):
    cdef int kind = cnp.PyArray_TYPE(X)
    return cnp.PyArray_NDIM(X) == 2 and cnp.PyArray_ISBEHAVED_RO(X) and kind in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)


cdef Found _scanned(cnp.ndarray X, double bound):
    cdef Table table
    table.data = <const char*>cnp.PyArray_DATA(X)
    table.row_stride = cnp.PyArray_STRIDE(X, 0)
    table.column_stride = cnp.PyArray_STRIDE(X, 1)
    table.n = cnp.PyArray_DIM(X, 0)
    table.is_float = cnp.PyArray_TYPE(X) == cnp.NPY_FLOAT
    cdef int64_t n_columns = cnp.PyArray_DIM(X, 1)
    cdef Found found
    if table.n * n_columns > LONG:
        with nogil:
            found = c_scan(table, n_columns, bound)
    else:
        found = c_scan(table, n_columns, bound)
    return found


def scan(cnp.ndarray X not None, double bound):
    """Whether a 2-D aligned native float32 or float64 array holds NaN, and whether any |cell| >= bound."""
    if not _is_scannable(X):
        raise TypeError(f"expected an aligned native 2-D array of float32 or float64, got {np.ndim(X)}-D {X.dtype}")
    cdef Found found = _scanned(X, bound)
    return found.nan, found.large


def is_finite_table(X, int64_t n_columns):
    """Whether X is a numpy array such as `scan` takes, with so many columns, some rows, and finite cells alone."""
    if type(X) is not cnp.ndarray or not _is_scannable(X):
        return False
    if cnp.PyArray_DIM(X, 1) != n_columns or cnp.PyArray_DIM(X, 0) == 0:
        return False
    cdef Found found = _scanned(X, INFINITY)
    return not found.nan and not found.large
