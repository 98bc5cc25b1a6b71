# A look at a table's cells before a kernel reads them.
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


def scan(cnp.ndarray X not None, double bound):
    """Whether a 2-D aligned native float32 or float64 array holds NaN, and whether any |cell| >= bound."""
    cdef int kind = cnp.PyArray_TYPE(X)
    if cnp.PyArray_NDIM(X) != 2 or not cnp.PyArray_ISBEHAVED_RO(X) or kind not in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE):
        raise TypeError(f"expected an aligned native 2-D array of float32 or float64, got {X.ndim}-D {X.dtype}")
    cdef Table table
    table.data = <const char*>cnp.PyArray_DATA(X)
    table.row_stride = cnp.PyArray_STRIDE(X, 0)
    table.column_stride = cnp.PyArray_STRIDE(X, 1)
    table.n = cnp.PyArray_DIM(X, 0)
    table.is_float = kind == cnp.NPY_FLOAT
    cdef int64_t n_columns = cnp.PyArray_DIM(X, 1)
    cdef Found found
    with nogil:
        found = c_scan(table, n_columns, bound)
    return found.nan, found.large
