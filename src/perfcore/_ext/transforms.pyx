# A plan of fused steps, made in Python and run in C++: tables to arrays or compressed rows, texts to codes.
import numpy as np

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check, PyFloat_CheckExact
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact
from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

cnp.import_array()

cdef extern from "perfcore/features/map.hpp" namespace "perfcore::features" nogil:
    const int MAX_INPUTS
    ctypedef void (*RowsFunction)(const double* const* columns, int64_t n, double* out)

cdef extern from "perfcore/transforms/pass.hpp" namespace "perfcore::transforms" nogil:
    cdef enum class Kind(int32_t):
        f64

    cdef cppclass Numbers:
        const char* data
        int64_t stride
        Kind kind

    cdef enum class Act(int32_t):
        subtract

    cdef cppclass Step:
        Act act
        double a, b
        int32_t target

    cdef cppclass Call:
        RowsFunction function
        vector[int32_t] others

    cdef cppclass Chain:
        int32_t source, begin, end

    cdef cppclass Codes:
        int32_t chain, begin, end, nan, unknown
        cbool are_bins

    cdef enum class Write(int32_t):
        number

    cdef cppclass Column:
        Write write
        int32_t of, first, width, table, on, off
        cbool keeps

    cdef cppclass Refused:
        int64_t row
        int32_t step, chain, codes
        cbool any()

    cdef cppclass Plan:
        vector[Step] steps
        vector[Call] calls
        vector[Chain] chains
        vector[double] keys
        vector[int32_t] key_codes
        vector[Codes] codes
        vector[Column] columns
        vector[double] values
        vector[int32_t] places

    cdef cppclass Sources:
        const Numbers* numbers
        const int32_t* const* codes

    Refused c_dense "perfcore::transforms::dense"[Real](
        const Plan& plan, const Sources& sources, int64_t n, Real* out, int64_t row_step, int64_t column_step)
    Refused c_compressed "perfcore::transforms::compressed"[Real](
        const Plan& plan, const Sources& sources, int64_t n, int32_t* indptr, int32_t* indices, Real* data)
    void c_product "perfcore::transforms::product"[Real](
        int64_t n, const int32_t* indptr, const int32_t* indices, const Real* data, const Real* weight,
        int64_t n_outputs, Real* out)


cdef extern from "perfcore/transforms/lookup.hpp" namespace "perfcore::transforms" nogil:
    cdef cppclass Texts:
        void add(const char* text, int64_t size, int32_t code)

    void c_codes_of "perfcore::transforms::codes_of"[Offset](
        const Texts& texts, const uint8_t* valid, const Offset* offsets, const char* data, int64_t offset, int64_t n,
        int32_t missing, int32_t unknown, int32_t* out)

cdef extern from "perfcore/transforms/polynomial.hpp" namespace "perfcore::transforms" nogil:
    cdef cppclass Monomial:
        int32_t left, right

    void c_products "perfcore::transforms::products"[Real](
        const vector[Monomial]& columns, const Real* x, int64_t x_row, int64_t x_column, int64_t n_rows, int64_t first,
        cbool keeps_bias, Real* out, int64_t row_step, int64_t column_step)


cdef extern from "perfcore/transforms/quantile.hpp" namespace "perfcore::transforms" nogil:
    cdef cppclass Quantiles:
        const double *below
        const double *below_value
        const double *above
        const double *above_value
        int64_t n

    void c_ranks "perfcore::transforms::ranks"[Real](
        const Quantiles& quantiles, Real threshold, int64_t n_rows, Real* x, int64_t step)


ACTS = (
    "subtract", "divide", "multiply", "add", "clip", "fill_nan", "fill_equal", "is_nan", "is_equal", "above", "round",
    "refuse_infinite", "refuse_nan", "refuse_not_positive", "call",
)
KINDS = ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1")

cdef dict _KIND_OF = {np.dtype(kind): i for i, kind in enumerate(KINDS)}
cdef enum:
    FEW = 64  # rows: below, dropping the GIL costs more than it gives


class Refusal(Exception):
    """A cell that a plan does not take: its arguments are the row, and the chain and step, or the codes, for it."""


cdef class Lookup:
    """Codes of Python objects, by equality; ``nan``, ``none``, ``unknown``, ``na``: the codes of these (-1: refused).

    ``na`` is pandas.NA's, which scikit-learn's encoders do not know for a missing value.
    """

    cdef readonly dict table
    cdef readonly int32_t nan, none, unknown, na
    cdef Texts _texts

    def __init__(self, dict table not None, int32_t nan, int32_t none, int32_t unknown, int32_t na):
        cdef Py_ssize_t size
        cdef const char* text
        self.table, self.nan, self.none, self.unknown, self.na = dict(table), nan, none, unknown, na
        for key, code in table.items():
            if isinstance(key, str):
                try:
                    text = PyUnicode_AsUTF8AndSize(key, &size)
                except UnicodeEncodeError:  # a lone surrogate, which no Arrow column holds
                    continue
                self._texts.add(text, size, code)

    cdef int32_t code(self, object cell) except -2:
        cdef PyObject* found
        if cell is None:
            return self.none
        if not PyUnicode_CheckExact(cell) and (PyFloat_Check(cell) or isinstance(cell, np.floating)) and cell != cell:
            return self.nan
        found = PyDict_GetItem(self.table, cell)
        if found == NULL:
            hash(cell)  # PyDict_GetItem is silent about what cannot be hashed
            return self.na if type(cell).__name__ == "NAType" else self.unknown
        return <object>found

    def of(self, cell):
        """The code of one cell."""
        return self.code(cell)

    def of_objects(self, cnp.ndarray cells not None):
        """Codes of a 1-D array of objects."""
        cdef Py_ssize_t i, n = len(cells)
        cdef cnp.ndarray out = np.empty(n, np.int32)
        cdef int32_t* code = <int32_t*>cnp.PyArray_DATA(out)
        cdef int64_t stride = cnp.PyArray_STRIDE(cells, 0)
        cdef const char* at = <const char*>cnp.PyArray_DATA(cells)
        if cnp.PyArray_TYPE(cells) != cnp.NPY_OBJECT or cnp.PyArray_NDIM(cells) != 1:
            raise TypeError(f"expected a 1-D array of objects, got {cells.ndim}-D {cells.dtype}")
        for i in range(n):
            code[i] = self.code(<object>(<PyObject**>(at + i * stride))[0])
        return out

    def of_texts(self, valid, cnp.ndarray offsets not None, cnp.ndarray data not None, int64_t offset, int64_t n,
                 int32_t missing):
        """Codes of an Arrow column's texts, from its buffers: validity bits or None, int32 or int64 offsets, bytes."""
        cdef cnp.ndarray out = np.empty(n, np.int32), bits
        cdef int32_t* code = <int32_t*>cnp.PyArray_DATA(out)
        cdef const uint8_t* c_valid = NULL
        cdef const char* c_data = <const char*>cnp.PyArray_DATA(data)
        cdef void* c_offsets = cnp.PyArray_DATA(offsets)
        cdef bint is_long = offsets.dtype == np.int64
        if not is_long and offsets.dtype != np.int32:
            raise TypeError(f"expected offsets of int32 or int64, got {offsets.dtype}")
        if valid is not None:
            bits = valid
            c_valid = <const uint8_t*>cnp.PyArray_DATA(bits)
        with nogil:
            if is_long:
                c_codes_of[int64_t](self._texts, c_valid, <int64_t*>c_offsets, c_data, offset, n, missing,
                                    self.unknown, code)
            else:
                c_codes_of[int32_t](self._texts, c_valid, <int32_t*>c_offsets, c_data, offset, n, missing,
                                    self.unknown, code)
        return out


cdef class Pass:
    """A plan, ready to run.

    Parameters
    ----------
    steps : (act, a, b) each; an act is one of `ACTS`; a call's: what has the ``address`` of a C function, and places
        of the chains that are its other columns, before the chain that it is a step of
    chains : (source, first step, last step + 1) each
    codes : for each (chain or -1, keys, key codes, code of NaN, code of what is unknown, whether the keys are edges)
    columns : (write, of, first, width, table, on, off, keeps) each, see pass.hpp; write 0 number, 1 value, 2 place
    values, places : what columns' offsets point into
    lookups : of each of the codes, a Lookup where the chain is -1, else None
    """

    cdef Plan _plan
    cdef readonly Py_ssize_t n_numbers
    cdef tuple _lookups
    cdef list _functions  # whose machine code is there as long as they are

    def __init__(self, steps, chains, codes, columns, values, places, lookups):
        cdef Step step
        cdef Chain chain
        cdef Codes code
        cdef Column column
        self._functions = []
        for act, a, b in steps:
            step.act, step.target = <Act><int32_t>ACTS.index(act), -1
            if act == "call":
                step.a, step.b, step.target = 0, 0, self._call(a, b)
            else:
                step.a, step.b = a, b
            self._plan.steps.push_back(step)
        self.n_numbers = 0
        for source, begin, end in chains:
            chain.source, chain.begin, chain.end = source, begin, end
            self.n_numbers = max(self.n_numbers, source + 1)
            self._plan.chains.push_back(chain)
        for of, keys, key_codes, nan, unknown, are_bins in codes:
            code.chain, code.nan, code.unknown, code.are_bins = of, nan, unknown, are_bins
            code.begin = <int32_t>self._plan.keys.size()
            for key, at in zip(keys, key_codes, strict=True):
                self._plan.keys.push_back(key)
                self._plan.key_codes.push_back(at)
            code.end = <int32_t>self._plan.keys.size()
            self._plan.codes.push_back(code)
        for write, of, first, width, table, on, off, keeps in columns:
            column.write = <Write><int32_t>write
            column.of, column.first, column.width, column.table = of, first, width, table
            column.on, column.off, column.keeps = on, off, keeps
            self._plan.columns.push_back(column)
        for value in values:
            self._plan.values.push_back(value)
        for place in places:
            self._plan.places.push_back(place)
        self._lookups = tuple(lookups)

    cdef int32_t _call(self, function, others) except -1:
        cdef Call call
        if len(others) >= MAX_INPUTS:
            raise ValueError(f"a function of {len(others) + 1} columns, allowed: {MAX_INPUTS}")
        call.function = <RowsFunction><uintptr_t>function.address
        call.others = others
        self._plan.calls.push_back(call)
        self._functions.append(function)
        return <int32_t>self._plan.calls.size() - 1

    cdef int _take(self, vector[Numbers]& to, vector[const int32_t*]& code_at, numbers, codes, int64_t n) except -1:
        cdef Numbers each
        cdef cnp.ndarray array
        if len(numbers) != self.n_numbers or len(codes) != <Py_ssize_t>self._plan.codes.size():
            raise ValueError(f"{len(numbers)} columns of numbers and {len(codes)} of codes")
        for array in numbers:
            if (array.dtype not in _KIND_OF or array.ndim != 1 or len(array) != n
                    or not cnp.PyArray_ISBEHAVED_RO(array)):
                raise TypeError(f"expected {n} aligned native numbers, got {array.dtype} {np.shape(array)}")
            each.data, each.stride = <const char*>cnp.PyArray_DATA(array), cnp.PyArray_STRIDE(array, 0)
            each.kind = <Kind><int32_t>_KIND_OF[array.dtype]
            to.push_back(each)
        for given in codes:
            if given is None:
                code_at.push_back(NULL)
                continue
            array = given
            if cnp.PyArray_TYPE(array) != cnp.NPY_INT32 or not cnp.PyArray_ISCARRAY_RO(array) or len(array) != n:
                raise TypeError(f"expected {n} codes of int32, got {array.dtype} {np.shape(array)}")
            code_at.push_back(<const int32_t*>cnp.PyArray_DATA(array))
        return 0

    def dense(self, numbers, codes, cnp.ndarray out not None):
        """Fill ``out``, (n_rows, n_columns) of float32 or float64; raises `Refusal`."""
        cdef vector[Numbers] given
        cdef vector[const int32_t*] code_at
        cdef Sources sources
        cdef int64_t n = len(out), size = out.itemsize
        cdef bint is_float = cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT
        self._take(given, code_at, numbers, codes, n)
        if cnp.PyArray_NDIM(out) != 2 or not cnp.PyArray_ISBEHAVED(out):
            raise TypeError("expected an aligned, writeable 2-D array")
        if not is_float and cnp.PyArray_TYPE(out) != cnp.NPY_DOUBLE:
            raise TypeError(f"expected float32 or float64, got {out.dtype}")
        sources.numbers, sources.codes = given.data(), code_at.data()
        self._require_width(cnp.PyArray_DIM(out, 1))
        cdef Refused refused
        cdef void* to = cnp.PyArray_DATA(out)
        cdef int64_t row_step = cnp.PyArray_STRIDE(out, 0) // size, column_step = cnp.PyArray_STRIDE(out, 1) // size
        if n < FEW:
            refused = self._dense(sources, n, to, row_step, column_step, is_float)
        else:
            with nogil:
                refused = self._dense(sources, n, to, row_step, column_step, is_float)
        if refused.any():
            raise Refusal(refused.row, refused.chain, refused.step, refused.codes)

    cdef Refused _dense(self, const Sources& sources, int64_t n, void* out, int64_t row_step, int64_t column_step,
                        bint is_float) noexcept nogil:
        if is_float:
            return c_dense[float](self._plan, sources, n, <float*>out, row_step, column_step)
        return c_dense[double](self._plan, sources, n, <double*>out, row_step, column_step)

    cdef int _require_width(self, int64_t n_columns) except -1:
        cdef size_t j
        for j in range(self._plan.columns.size()):
            if self._plan.columns[j].first + self._plan.columns[j].width > n_columns:
                raise ValueError(f"the plan has more than {n_columns} columns")
        return 0

    def compressed(self, numbers, codes, int64_t n, bint is_float):
        """(indptr, indices, data) of ``n`` rows, entries in the order of columns; raises `Refusal`."""
        cdef vector[Numbers] given
        cdef vector[const int32_t*] code_at
        cdef Sources sources
        cdef int64_t room = n * <int64_t>self._plan.columns.size()
        if room >= 1 << 31:
            raise MemoryError(f"{n} rows at once: more entries than int32 counts")
        self._take(given, code_at, numbers, codes, n)
        sources.numbers, sources.codes = given.data(), code_at.data()
        cdef cnp.ndarray indptr = np.empty(n + 1, np.int32), indices = np.empty(room, np.int32)
        cdef cnp.ndarray data = np.empty(room, np.float32 if is_float else np.float64)
        cdef int32_t* c_indptr = <int32_t*>cnp.PyArray_DATA(indptr)
        cdef int32_t* c_indices = <int32_t*>cnp.PyArray_DATA(indices)
        cdef void* c_data = cnp.PyArray_DATA(data)
        cdef Refused refused
        with nogil:
            if is_float:
                refused = c_compressed[float](self._plan, sources, n, c_indptr, c_indices, <float*>c_data)
            else:
                refused = c_compressed[double](self._plan, sources, n, c_indptr, c_indices, <double*>c_data)
        if refused.any():
            raise Refusal(refused.row, refused.chain, refused.step, refused.codes)
        return indptr, indices[:c_indptr[n]], data[:c_indptr[n]]

    def dense_row(self, number_cells, text_cells, int64_t width, bint is_float):
        """One row, (1, width), from Python objects: cells of the numbers, and of the codes that are looked up."""
        cdef vector[double] cells
        cdef vector[Numbers] numbers
        cdef vector[int32_t] codes
        cdef vector[const int32_t*] code_at
        cdef Sources sources
        cdef cnp.ndarray out = np.empty((1, width), np.float32 if is_float else np.float64)
        self._read(cells, numbers, codes, code_at, number_cells, text_cells)
        self._require_width(width)
        sources.numbers, sources.codes = numbers.data(), code_at.data()
        cdef Refused refused = self._dense(sources, 1, cnp.PyArray_DATA(out), width, 1, is_float)
        if refused.any():
            raise Refusal(0, refused.chain, refused.step, refused.codes)
        return out

    def compressed_row(self, number_cells, text_cells, bint is_float):
        """As `compressed`, of one row."""
        cdef vector[double] cells
        cdef vector[Numbers] numbers
        cdef vector[int32_t] codes
        cdef vector[const int32_t*] code_at
        cdef Sources sources
        cdef Py_ssize_t room = <Py_ssize_t>self._plan.columns.size()
        cdef cnp.ndarray indptr = np.empty(2, np.int32), indices = np.empty(room, np.int32)
        cdef cnp.ndarray data = np.empty(room, np.float32 if is_float else np.float64)
        cdef int32_t* c_indptr = <int32_t*>cnp.PyArray_DATA(indptr)
        cdef int32_t* c_indices = <int32_t*>cnp.PyArray_DATA(indices)
        cdef Refused refused
        self._read(cells, numbers, codes, code_at, number_cells, text_cells)
        sources.numbers, sources.codes = numbers.data(), code_at.data()
        if is_float:
            refused = c_compressed[float](self._plan, sources, 1, c_indptr, c_indices, <float*>cnp.PyArray_DATA(data))
        else:
            refused = c_compressed[double](self._plan, sources, 1, c_indptr, c_indices, <double*>cnp.PyArray_DATA(data))
        if refused.any():
            raise Refusal(0, refused.chain, refused.step, refused.codes)
        return indptr, indices[:c_indptr[1]], data[:c_indptr[1]]

    cdef int _read(self, vector[double]& cells, vector[Numbers]& numbers, vector[int32_t]& codes,
                   vector[const int32_t*]& code_at, number_cells, text_cells) except -1:
        cdef Numbers each
        cdef size_t i, n = self._plan.codes.size()
        cdef Py_ssize_t at = 0
        if len(number_cells) != self.n_numbers:
            raise ValueError(f"{len(number_cells)} numbers, expected {self.n_numbers}")
        for cell in number_cells:
            cells.push_back(_number(cell))
        for i in range(cells.size()):
            each.data, each.stride, each.kind = <const char*>&cells[i], 0, Kind.f64
            numbers.push_back(each)
        for i in range(n):
            if self._plan.codes[i].chain < 0:
                codes.push_back((<Lookup>self._lookups[i]).code(text_cells[at]))
                at += 1
            else:
                codes.push_back(0)
        for i in range(n):
            code_at.push_back(&codes[i])
        return 0


cdef double _number(object cell) except? -7.25:
    if PyFloat_CheckExact(cell):
        return PyFloat_AS_DOUBLE(cell)
    if cell is None:
        return NAN
    return float(cell)


def product(cnp.ndarray indptr not None, cnp.ndarray indices not None, cnp.ndarray data not None,
            cnp.ndarray weight not None):
    """Compressed rows times ``weight``, C-contiguous and of the dtype of ``data``, in scipy's order of additions."""
    cdef int64_t n = len(indptr) - 1
    cdef cnp.ndarray out = np.empty((n, np.shape(weight)[1]), data.dtype)
    cdef int64_t n_outputs = cnp.PyArray_DIM(weight, 1)
    cdef const int32_t* c_indptr = <const int32_t*>cnp.PyArray_DATA(indptr)
    cdef const int32_t* c_indices = <const int32_t*>cnp.PyArray_DATA(indices)
    if (indptr.dtype != np.int32 or indices.dtype != np.int32 or data.dtype != weight.dtype
            or not cnp.PyArray_ISCARRAY_RO(weight) or not cnp.PyArray_ISCARRAY_RO(data)):
        raise TypeError(f"{indptr.dtype}, {indices.dtype}, {data.dtype} and {weight.dtype} do not fit")
    if data.dtype == np.float32:
        with nogil:
            c_product[float](n, c_indptr, c_indices, <float*>cnp.PyArray_DATA(data),
                             <float*>cnp.PyArray_DATA(weight), n_outputs, <float*>cnp.PyArray_DATA(out))
    elif data.dtype == np.float64:
        with nogil:
            c_product[double](n, c_indptr, c_indices, <double*>cnp.PyArray_DATA(data),
                              <double*>cnp.PyArray_DATA(weight), n_outputs, <double*>cnp.PyArray_DATA(out))
    else:
        raise TypeError(f"expected float32 or float64, got {data.dtype}")
    return out


cdef class Polynomial:
    """Products of columns: (left, right) each, see polynomial.hpp."""

    cdef vector[Monomial] _columns
    cdef readonly Py_ssize_t n_features

    def __init__(self, columns):
        cdef Monomial each
        self.n_features = 0
        for i, (left, right) in enumerate(columns):
            if left >= i or (left >= 0 and right < 0):
                raise ValueError(f"column {i} is made of ({left}, {right})")
            each.left, each.right = left, right
            self.n_features = max(self.n_features, right + 1)
            self._columns.push_back(each)

    def products(self, cnp.ndarray x not None, cnp.ndarray out not None, Py_ssize_t first, bint keeps_bias):
        """The columns from ``first`` on into ``out``, behind a bias of their own where ``keeps_bias``."""
        cdef int64_t n = _require_table(x, out.dtype), size = x.itemsize
        if (cnp.PyArray_NDIM(out) != 2 or not cnp.PyArray_ISBEHAVED(out) or len(out) != n or not 0 <= first
                or cnp.PyArray_DIM(x, 1) < self.n_features
                or cnp.PyArray_DIM(out, 1) != <Py_ssize_t>self._columns.size() - first + keeps_bias):
            raise TypeError(f"a table of {np.shape(x)} and an answer of {np.shape(out)} do not fit")
        cdef int64_t x_row = cnp.PyArray_STRIDE(x, 0) // size, x_column = cnp.PyArray_STRIDE(x, 1) // size
        cdef int64_t row_step = cnp.PyArray_STRIDE(out, 0) // size, column_step = cnp.PyArray_STRIDE(out, 1) // size
        cdef void* c_x = cnp.PyArray_DATA(x)
        cdef void* c_out = cnp.PyArray_DATA(out)
        cdef bint is_float = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT
        with nogil:
            if is_float:
                c_products[float](self._columns, <float*>c_x, x_row, x_column, n, first, keeps_bias, <float*>c_out,
                                  row_step, column_step)
            else:
                c_products[double](self._columns, <double*>c_x, x_row, x_column, n, first, keeps_bias,
                                   <double*>c_out, row_step, column_step)


def ranks(cnp.ndarray x not None, cnp.ndarray quantiles not None, cnp.ndarray references not None, double threshold):
    """Each column of ``x`` as its ranks among its row of ``quantiles``, in place; see quantile.hpp."""
    cdef int64_t n = _require_table(x, x.dtype), size = x.itemsize, step = cnp.PyArray_STRIDE(x, 0) // size
    cdef Py_ssize_t j, width = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray below = np.ascontiguousarray(quantiles, np.float64), above = -below[:, ::-1]
    cdef cnp.ndarray value = np.ascontiguousarray(references, np.float64), negative = -value[::-1]
    cdef Quantiles each
    above, negative = np.ascontiguousarray(above), np.ascontiguousarray(negative)
    each.n = len(value)
    if below.ndim != 2 or np.shape(below) != (width, each.n) or each.n < 1 or not cnp.PyArray_ISBEHAVED(x):
        raise TypeError(f"a table of {np.shape(x)} and quantiles of {np.shape(quantiles)} do not fit")
    cdef char* c_x = <char*>cnp.PyArray_DATA(x)
    cdef int64_t x_column = cnp.PyArray_STRIDE(x, 1)
    cdef const double* c_below = <const double*>cnp.PyArray_DATA(below)
    cdef const double* c_above = <const double*>cnp.PyArray_DATA(above)
    cdef bint is_float = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT
    each.below_value = <const double*>cnp.PyArray_DATA(value)
    each.above_value = <const double*>cnp.PyArray_DATA(negative)
    with nogil:
        for j in range(width):
            each.below, each.above = c_below + j * each.n, c_above + j * each.n
            if is_float:
                c_ranks[float](each, <float>threshold, n, <float*>(c_x + j * x_column), step)
            else:
                c_ranks[double](each, threshold, n, <double*>(c_x + j * x_column), step)


cdef int64_t _require_table(cnp.ndarray x, dtype) except -1:
    """The rows of an aligned table of float32 or float64."""
    if (cnp.PyArray_NDIM(x) != 2 or not cnp.PyArray_ISBEHAVED_RO(x) or x.dtype != dtype
            or cnp.PyArray_TYPE(x) not in (cnp.NPY_FLOAT, cnp.NPY_DOUBLE)):
        raise TypeError(f"expected an aligned table of float32 or float64, got {x.dtype} {np.shape(x)}")
    return len(x)
