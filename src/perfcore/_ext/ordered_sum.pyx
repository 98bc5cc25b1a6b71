# The checked Python function over the C++ loop of a sum of weighted cells.
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

cnp.import_array()

cdef int64_t LONG = 5000  # products, of about a nanosecond each: below, dropping the GIL costs more than it gives

cdef extern from "perfcore/forest.hpp" namespace "perfcore" nogil:
    cdef cppclass Table:
        const char* data
        int64_t row_stride, column_stride, n
        bint is_float

    cdef enum class Status(int):
        ok


cdef extern from "perfcore/ordered_sum.hpp" namespace "perfcore" nogil:
    cdef cppclass OrderedSum:
        const float* start
        const float* weight
        int64_t n_features, n_outputs
        float missing

    Status c_ordered_sum "perfcore::ordered_sum"(const OrderedSum& sum, const Table& x, float* out, int n_threads)


def ordered_sum(
    cnp.ndarray X not None,
    cnp.ndarray start not None,
    cnp.ndarray weight not None,
    float missing,
    cnp.ndarray out not None,
    int n_threads=1,
):
    """``out = start + X[:, 0] * weight[0] + X[:, 1] * weight[1] + ...`` in float32, without NaN and ``missing``.

    X is (n_rows, n_features) of float32 or float64, aligned; start, weight and out are C-contiguous float32,
    (n_outputs,), (n_features, n_outputs) and (n_rows, n_outputs).
    """
    cdef OrderedSum sum
    cdef Table table
    cdef int kind = cnp.PyArray_TYPE(X)
    cdef cnp.ndarray array
    if cnp.PyArray_NDIM(X) != 2 or not cnp.PyArray_ISBEHAVED_RO(X) or kind not in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE):
        raise TypeError(f"expected an aligned native 2-D array of float32 or float64, got {np.ndim(X)}-D {X.dtype}")
    for array in (start, weight, out):
        if cnp.PyArray_TYPE(array) != cnp.NPY_FLOAT or not cnp.PyArray_ISCARRAY_RO(array):
            raise TypeError(f"expected aligned C-contiguous float32, got {array.dtype}")
    if (np.ndim(weight) != 2 or np.shape(start) != np.shape(weight)[1:] or len(weight) != np.shape(X)[1]
            or np.shape(out) != (len(X), len(start)) or not cnp.PyArray_ISCARRAY(out)):
        raise ValueError(f"{np.shape(X)}, {np.shape(start)}, {np.shape(weight)} and {np.shape(out)} do not fit")
    sum.start = <const float*>cnp.PyArray_DATA(start)
    sum.weight = <const float*>cnp.PyArray_DATA(weight)
    sum.n_features = cnp.PyArray_DIM(weight, 0)
    sum.n_outputs = cnp.PyArray_DIM(weight, 1)
    sum.missing = missing
    table.data = <const char*>cnp.PyArray_DATA(X)
    table.row_stride = cnp.PyArray_STRIDE(X, 0)
    table.column_stride = cnp.PyArray_STRIDE(X, 1)
    table.n = cnp.PyArray_DIM(X, 0)
    table.is_float = kind == cnp.NPY_FLOAT
    cdef float* into = <float*>cnp.PyArray_DATA(out)
    cdef Status status
    if table.n * sum.n_features * sum.n_outputs > LONG:
        with nogil:
            status = c_ordered_sum(sum, table, into, n_threads)
    else:
        status = c_ordered_sum(sum, table, into, n_threads)
    if status != Status.ok:
        raise MemoryError("no memory for the sum")
