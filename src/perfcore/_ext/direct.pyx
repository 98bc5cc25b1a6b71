# cython: embedsignature=False
# The way of a plain numpy array to its answer without a step in Python: a row costs as little as its trees do.
#
#   array ── type, shape, cells ──▶ engine ──▶ steps ──▶ scalar or array
#     |         a list or tuple of numbers, of one row, is made one
#     `── anything else ──▶ the predictor's general method, which answers or refuses it
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.sequence cimport PySequence_Fast_GET_ITEM, PySequence_Fast_GET_SIZE
from libc.math cimport isnan
from libc.stdint cimport int64_t

from .calls cimport Calls
from .forest cimport LONG, Engine, ForestKernel, Status, Table

cnp.import_array()


cdef extern from "perfcore/cells.hpp" namespace "perfcore" nogil:
    cdef cppclass Found:
        bint nan, large

    Found c_scan "perfcore::scan"(const Table& x, int64_t n_columns, double bound)


cdef extern from "perfcore/links.hpp" namespace "perfcore::links" nogil:
    cdef enum class Link(int):
        identity


cdef extern from "perfcore/steps.hpp" namespace "perfcore" nogil:
    cdef enum class Choice(int):
        none

    cdef cppclass Steps:
        double divisor
        double shift
        Link link
        double scale
        bint both
        Choice choice
        double threshold

    void c_link "perfcore::steps::link"[Real](const Steps& steps, Real* x, int64_t n, int64_t k)
    int64_t c_choose "perfcore::steps::choose"[Real](const Steps& steps, const Real* x, int64_t k)
    void c_widen "perfcore::steps::widen"[Real](Real* x, int64_t n, bint by_columns)


cdef extern from "numpy/arrayobject.h":  # numpy's own declaration takes no NULL
    object PyArray_TakeFrom(cnp.ndarray array, object indices, int axis, void* out, cnp.NPY_CLIPMODE mode)


cdef extern from *:
    """
    #include <numpy/arrayscalars.h>

    static PyObject* scalar_of(double value) {
        PyObject* scalar = PyArrayScalar_New(Double);
        if (scalar) PyArrayScalar_ASSIGN(scalar, Double, value);
        return scalar;
    }

    static PyObject* scalar_of(float value) {
        PyObject* scalar = PyArrayScalar_New(Float);
        if (scalar) PyArrayScalar_ASSIGN(scalar, Float, value);
        return scalar;
    }
    """
    object scalar_of(double value)
    object scalar_of_float "scalar_of"(float value)


LINKS = (
    "identity", "logistic", "expit", "exp", "log1p_exp", "signed_square", "softmax",
    "sigmoid_f32", "exp_f32", "exp_f64_of_f32", "softmax_f32", "hinge_f32", "sort_rows_f32",
    "fast_exp", "fast_softmax",
)
CHOICES = ("none", "argmax", "max_element", "above", "from")

cdef enum:
    STACK = 64  # margins of so many numbers need no memory of their own
    EXACT = 1 << 24  # whole numbers up to here are the same in float32, float64 and int64


cdef class Direct:
    """Answers of one kind for plain arrays; see the drawing at the head of this file.

    Parameters
    ----------
    kernel : ForestKernel
    steps : perfcore.answers.Steps, or a function of the margins that the method is in Python
    plain : perfcore.inputs.Plain
    most : nanoseconds that a call may be expected to take; longer ones are the general method's
    of_table, of_row : the general methods
    calls : counts what is answered here
    """

    cdef ForestKernel _kernel
    cdef Engine* _engine
    cdef Steps _steps
    cdef object _of_margins  # None where there are steps
    cdef object _of_table, _of_row
    cdef Calls _calls
    cdef cnp.ndarray _labels
    cdef tuple _scalars  # of the labels
    cdef int64_t _n_features, _n_columns
    cdef int _type
    cdef double _below, _most
    cdef bint _takes_tables, _takes_nan, _looks, _flat, _by_columns, _row_is_long

    def __cinit__(
        self, ForestKernel kernel not None, steps, plain, double most, of_table, of_row, Calls calls not None
    ):
        self._kernel, self._engine = kernel, kernel._engine
        self._n_features, self._n_columns = kernel._view.n_features, kernel._view.n_outputs
        self._type = cnp.NPY_FLOAT if kernel._view.sums_in_float else cnp.NPY_DOUBLE
        self._below, self._takes_nan, self._takes_tables = plain.below, plain.takes_nan, plain.takes_tables
        self._looks = not (plain.takes_nan and isnan(self._below))
        self._most, self._of_table, self._of_row, self._calls = most, of_table, of_row, calls
        self._row_is_long = self._engine.choice(1).cost > LONG
        if callable(steps):
            self._of_margins = steps
        else:
            self._take(steps)

    def __reduce__(self):
        """As the predictor that bears it: a bound method is pickled as its object and its name."""
        return _borne, (self._of_table,)

    def __copy__(self):
        return self  # it never changes, as its predictor does not

    def __deepcopy__(self, memo):
        return self

    cdef int _take(self, steps) except -1:
        self._steps.divisor, self._steps.scale, self._steps.threshold = steps.divisor, steps.scale, steps.threshold
        self._steps.shift = steps.shift
        self._steps.link = <Link><int>LINKS.index(steps.link)
        self._steps.choice = <Choice><int>CHOICES.index(steps.choice)
        self._steps.both, self._by_columns = steps.both != "", steps.both == "columns"
        self._flat = self._n_columns == 1 and not steps.keeps_column
        self._labels = steps.labels
        self._scalars = () if steps.labels is None else tuple([steps.labels[i] for i in range(len(steps.labels))])
        if steps.link != "identity" and steps.link.endswith("_f32") != (self._type == cnp.NPY_FLOAT):
            raise ValueError(f"link {steps.link} is not one of the sums' dtype")
        if steps.both and self._n_columns != 1:
            raise ValueError(f"{self._n_columns} columns cannot stand for two classes")
        needed = 2 if steps.both or steps.choice in ("above", "from") else self._n_columns
        if steps.choice != "none" and len(self._scalars) < needed:
            raise ValueError(f"{len(self._scalars)} labels for {needed} classes")
        return 0

    # -- from arrays to margins --------------------------------------------------------------------

    cdef bint _takes(self, Table* table, cnp.ndarray X, int64_t n) noexcept:
        """Whether X, of n rows, is read as it is."""
        cdef int ndim = cnp.PyArray_NDIM(X), kind = cnp.PyArray_TYPE(X)
        if cnp.PyArray_DIM(X, ndim - 1) != self._n_features or not cnp.PyArray_ISBEHAVED_RO(X):
            return False
        if kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE:
            return False
        table.data = <const char*>cnp.PyArray_DATA(X)
        table.column_stride = cnp.PyArray_STRIDE(X, ndim - 1)
        table.row_stride = self._n_features * table.column_stride if ndim == 1 else cnp.PyArray_STRIDE(X, 0)
        table.n = n
        table.is_float = kind == cnp.NPY_FLOAT
        if not self._looks:
            return True
        cdef Found found = c_scan(table[0], self._n_features, self._below)
        return not found.large and (self._takes_nan or not found.nan)

    cdef Status _linked(self, const Table& table, void* x) noexcept nogil:
        cdef Status status = self._engine.predict(table, x, 1)
        if status != Status.ok or self._of_margins is not None:
            return status
        if self._type == cnp.NPY_FLOAT:
            c_link(self._steps, <float*>x, table.n, self._n_columns)
        else:
            c_link(self._steps, <double*>x, table.n, self._n_columns)
        return status

    cdef int _fill(self, const Table& table, void* x, bint is_long) except -1:
        """Linked margins of the table's rows to x."""
        cdef Status status
        if is_long:
            with nogil:
                status = self._linked(table, x)
        else:
            status = self._linked(table, x)
        if status != Status.ok:
            raise MemoryError("no memory for the kernel's scratch space")
        return 0

    cdef cnp.ndarray _margins(self, const Table& table, bint is_long):
        """The same in an array of their own."""
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = table.n, self._n_columns
        cdef cnp.ndarray margins = cnp.PyArray_EMPTY(2, shape, self._type, 0)
        self._fill(table, cnp.PyArray_DATA(margins), is_long)
        return margins

    cdef int64_t _class(self, void* x, int64_t row) noexcept:
        if self._type == cnp.NPY_FLOAT:
            return c_choose(self._steps, <const float*>x + row * self._n_columns, self._n_columns)
        return c_choose(self._steps, <const double*>x + row * self._n_columns, self._n_columns)

    # -- one row -----------------------------------------------------------------------------------

    cdef cnp.ndarray _cells_of(self, row):
        """A list or tuple of plain numbers as the array that the general methods make of it; None: leave it to them.

        They make floats of larger whole numbers, and of np.float32, bool and None, each in its framework's way.
        """
        cdef cnp.npy_intp n = PySequence_Fast_GET_SIZE(row), i
        if n != self._n_features:
            return None
        cdef cnp.ndarray cells = cnp.PyArray_EMPTY(1, &n, cnp.NPY_DOUBLE, 0)
        cdef double* to = <double*>cnp.PyArray_DATA(cells)
        cdef int overflow = 0
        cdef long long whole
        for i in range(n):
            cell = <object>PySequence_Fast_GET_ITEM(row, i)
            if PyFloat_CheckExact(cell):
                to[i] = PyFloat_AS_DOUBLE(cell)
                continue
            if not PyLong_CheckExact(cell):
                return None
            whole = PyLong_AsLongLongAndOverflow(cell, &overflow)
            if overflow or not -EXACT <= whole <= EXACT:
                return None
            to[i] = <double>whole
        return cells

    cdef object _row(self, row):
        cdef Table table
        cdef cnp.ndarray cells = None
        cdef int64_t began = self._calls.counted.begin()
        if cnp.PyArray_CheckExact(row):
            cells = row
        elif type(row) is list or type(row) is tuple:
            cells = self._cells_of(row)
        if cells is None or cnp.PyArray_NDIM(cells) != 1 or not self._takes(&table, cells, 1):
            return self._of_row(row)
        answer = self._answer_of(table)
        self._calls.counted.count_row(began)
        return answer

    cdef object _answer_of(self, const Table& table):
        if self._of_margins is not None:
            answer = self._of_margins(self._margins(table, self._row_is_long))
            return [each[0] for each in answer] if isinstance(answer, list) else answer[0]
        cdef double stack[STACK]
        cdef void* x = stack
        cdef cnp.npy_intp size = self._n_columns
        cdef cnp.ndarray out = None
        if <int>self._steps.choice != 0:
            if self._n_columns > STACK:
                out = cnp.PyArray_EMPTY(1, &size, self._type, 0)
                x = cnp.PyArray_DATA(out)
            self._fill(table, x, self._row_is_long)
            return self._scalars[self._class(x, 0)]
        if self._flat and not self._steps.both:
            self._fill(table, x, self._row_is_long)
            return scalar_of_float((<float*>x)[0]) if self._type == cnp.NPY_FLOAT else scalar_of((<double*>x)[0])
        if self._steps.both:
            size = 2
        out = cnp.PyArray_EMPTY(1, &size, self._type, 0)
        x = cnp.PyArray_DATA(out)
        self._fill(table, x, self._row_is_long)
        if self._steps.both:
            self._widen(x, 1, False)
        return out

    cdef void _widen(self, void* x, int64_t n, bint by_columns) noexcept:
        if self._type == cnp.NPY_FLOAT:
            c_widen(<float*>x, n, by_columns)
        else:
            c_widen(<double*>x, n, by_columns)

    # -- a table -----------------------------------------------------------------------------------

    cdef object _table(self, X, n_threads):
        cdef Table table
        cdef int64_t began = self._calls.counted.begin()
        if (n_threads is not None or not self._takes_tables or not cnp.PyArray_CheckExact(X)
                or cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_DIM(X, 0) == 0):
            return self._general(X, n_threads)
        cdef int64_t n = cnp.PyArray_DIM(X, 0)
        cdef double cost = self._engine.choice(n).cost
        if cost >= self._most or not self._takes(&table, X, n):
            return self._general(X, n_threads)
        answer = self._answers_of(table, cost > LONG)
        self._calls.counted.count_table(began, n)
        return answer

    cdef object _answers_of(self, const Table& table, bint is_long):
        cdef int64_t n = table.n
        if self._of_margins is not None:
            return self._of_margins(self._margins(table, is_long))
        if <int>self._steps.choice != 0:
            return self._labels_of(table, is_long)
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = n, 2 if self._steps.both else self._n_columns
        cdef int ndim = 1 if self._flat and not self._steps.both else 2
        cdef cnp.ndarray out = cnp.PyArray_EMPTY(ndim, shape, self._type, self._by_columns)
        cdef char* x = <char*>cnp.PyArray_DATA(out)
        if self._by_columns:
            x += n * cnp.PyArray_ITEMSIZE(out)
        self._fill(table, x, is_long)
        if self._steps.both:
            self._widen(x, n, self._by_columns)
        return out

    cdef object _labels_of(self, const Table& table, bint is_long):
        cdef cnp.npy_intp n = table.n
        cdef cnp.ndarray margins = self._margins(table, is_long)
        cdef cnp.ndarray classes = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INTP, 0)
        cdef cnp.npy_intp* to = <cnp.npy_intp*>cnp.PyArray_DATA(classes)
        cdef int64_t i
        for i in range(n):
            to[i] = self._class(cnp.PyArray_DATA(margins), i)
        return PyArray_TakeFrom(self._labels, classes, 0, NULL, cnp.NPY_RAISE)

    cdef object _general(self, X, n_threads):
        return self._of_table(X) if n_threads is None else self._of_table(X, n_threads=n_threads)


def _borne(method):
    """What the compiled method of a predictor is bound to; ``_of_table`` comes out of a pickle as one."""
    return method.__self__


cdef class Predict(Direct):
    """``predict`` and ``predict_one``."""

    def predict(self, X, *, n_threads=None):
        """As the source object's own ``predict(X)``: same bits, shape and dtype."""
        return self._table(X, n_threads)

    def predict_one(self, row):
        """The answer for one row: ``predict([row])[0]``.

        Parameters
        ----------
        row : 1-D array or sequence of n_features cells, or a mapping or pandas Series with every column by name
        """
        return self._row(row)


cdef class PredictProba(Direct):
    """``predict_proba`` and ``predict_proba_one``."""

    def predict_proba(self, X, *, n_threads=None):
        """As the source's own ``predict_proba(X)``: (n_rows, n_classes)."""
        return self._table(X, n_threads)

    def predict_proba_one(self, row):
        """Class probabilities for one row: ``predict_proba([row])[0]``; a list of them where there are many outputs."""
        return self._row(row)
