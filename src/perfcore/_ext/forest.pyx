# The checked Python method over the C++ kernels: it holds the arrays, hands out pointers and drops the GIL.
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cnp.import_array()


cdef const void* _address(cnp.ndarray array):
    return cnp.PyArray_DATA(array)


cdef str _came(cnp.ndarray out):
    contiguous = "C-contiguous" if cnp.PyArray_ISCARRAY(out) else "not C-contiguous, aligned and writeable,"
    return f"{contiguous} {out.dtype} {np.shape(out)}"


KERNELS = ("auto", "walk", "interleave", "bitslice", "deep", "lanes")
ISAS = ("portable", "avx2", "avx512")
MANY_ROWS = 100_000


def instruction_sets():
    """The instruction sets this machine runs, best first."""
    return tuple(name for i, name in reversed(list(enumerate(ISAS))) if runs_here(<InstructionSet><int>i))


cdef class ForestKernel:
    """A forest made ready for one kernel; immutable and safe from many threads.

    Parameters
    ----------
    forest : perfcore.model.Forest
    kernel : one of KERNELS
        "auto" takes, for calls of each size, the one that costs least; another name forces that one. A forest that
        it cannot take is walked all the same, and `why_not` says why.
    isa : {"portable", "avx2", "avx512"}
        One of `instruction_sets()`; a kernel takes the best form that it has, up to this one.
    """

    def __cinit__(self, forest, str kernel="auto", str isa="portable"):
        if kernel not in KERNELS or isa not in instruction_sets():
            raise ValueError(f"kernel {kernel!r} of {KERNELS}, isa {isa!r} of {instruction_sets()}")
        cdef ForestView* v = &self._view
        self._forest = forest
        self.asked = kernel
        v.feature = <const int32_t*>_address(forest.feature)
        v.threshold = <const double*>_address(forest.threshold)
        v.left = <const int32_t*>_address(forest.left)
        v.right = <const int32_t*>_address(forest.right)
        v.flags = <const uint8_t*>_address(forest.flags)
        v.category = <const int32_t*>_address(forest.category)
        v.set_start = <const int64_t*>_address(forest.set_start)
        v.set_words = <const uint32_t*>_address(forest.set_words)
        v.root = <const int32_t*>_address(forest.root)
        v.leaf_start = <const int32_t*>_address(forest.leaf_start)
        v.output = <const int32_t*>_address(forest.output)
        v.value = _address(forest.value)
        v.label = <const int32_t*>_address(forest.label)
        v.base = _address(forest.base)
        linear = forest.linear
        if linear is not None:
            v.linear_constant = <const double*>_address(linear.constant)
            v.linear_start = <const int32_t*>_address(linear.start)
            v.linear_feature = <const int32_t*>_address(linear.feature)
            v.linear_coefficient = <const double*>_address(linear.coefficient)
            v.linear_applies = <const uint8_t*>_address(linear.applies)
        v.n_nodes = len(forest.feature)
        v.n_leaves = len(forest.value)
        v.n_trees = len(forest.root)
        v.n_features = forest.n_features
        v.n_outputs = forest.n_outputs
        v.leaf_width = forest.value.shape[1]
        v.sums_in_float = forest.value.dtype == np.float32
        v.rounds_to_float = forest.precision == "float32"
        v.truncates_negative = forest.truncates_negative
        v.zero_bound = forest.zero_bound
        v.missing = forest.missing
        self._engine = new Engine(
            self._view, <KernelName><int>KERNELS.index(kernel), <InstructionSet><int>ISAS.index(isa)
        )

    def __dealloc__(self):
        del self._engine

    def kernel_for(self, int64_t n_rows):
        """Which kernel answers calls of so many rows."""
        return KERNELS[<int>self._engine.kernel_for(n_rows).name()]

    def isa_for(self, int64_t n_rows):
        """The instruction set of that kernel."""
        return ISAS[<int>self._engine.kernel_for(n_rows).isa()]

    def cost(self, int64_t n_rows):
        """Nanoseconds that the cost model expects of a call of so many rows on one thread."""
        return self._engine.choice(n_rows).cost

    def costs(self, int64_t n_rows):
        """The same for every kernel that takes this forest: {kernel: nanoseconds}."""
        cdef size_t i
        return {
            KERNELS[<int>self._engine.kernel(i).name()]: self._engine.kernel(i).cost(n_rows)
            for i in range(self._engine.n_kernels())
        }

    def work(self, int64_t n_rows):
        """What a call of so many rows is made of: the amounts that the cost model puts a price on."""
        cdef Work amounts = self._engine.kernel_for(n_rows).work(n_rows)
        return [amounts[i] for i in range(N_AMOUNTS)]

    def why_not(self, str kernel):
        """Why a kernel does not take this forest; empty where it does, or was not asked."""
        return self._engine.why_not(<KernelName><int>KERNELS.index(kernel)).decode()

    @property
    def kernel(self):
        """Which kernel answers large batches."""
        return self.kernel_for(MANY_ROWS)

    @property
    def isa(self):
        """The instruction set of that kernel."""
        return self.isa_for(MANY_ROWS)

    @property
    def nbytes(self):
        """Bytes of what the kernels were prepared into, over the forest's own arrays."""
        return self._engine.bytes()

    cdef Table _table(self, cnp.ndarray X) except *:
        cdef Table t
        if cnp.PyArray_NDIM(X) != 2 or cnp.PyArray_DIM(X, 1) != self._view.n_features:
            raise ValueError(f"expected (n_rows, {self._view.n_features}), got {np.shape(X)}")
        cdef int kind = cnp.PyArray_TYPE(X)
        if not cnp.PyArray_ISBEHAVED_RO(X) or (kind != cnp.NPY_FLOAT and kind != cnp.NPY_DOUBLE):
            raise TypeError(f"expected aligned native float32 or float64, got {X.dtype}")
        t.data = <const char*>cnp.PyArray_DATA(X)
        t.row_stride = cnp.PyArray_STRIDE(X, 0)
        t.column_stride = cnp.PyArray_STRIDE(X, 1)
        t.n = cnp.PyArray_DIM(X, 0)
        t.is_float = kind == cnp.NPY_FLOAT
        return t

    def predict(self, cnp.ndarray X not None, int n_threads=1):
        """Margins of a float32 or float64 block, (n_rows, n_outputs) in the dtype of the sum."""
        cdef Table table = self._table(X)
        cdef cnp.npy_intp shape[2]
        shape[0], shape[1] = table.n, self._view.n_outputs
        cdef cnp.ndarray out = cnp.PyArray_EMPTY(
            2, shape, cnp.NPY_FLOAT if self._view.sums_in_float else cnp.NPY_DOUBLE, 0
        )
        self._predict(table, out, n_threads)
        return out

    def predict_into(self, cnp.ndarray X not None, cnp.ndarray out not None, int n_threads=1):
        """As `predict`, into a C-contiguous ``out`` of the right shape and dtype."""
        cdef Table table = self._table(X)
        if (out.ndim != 2 or out.shape[0] != table.n or out.shape[1] != self._view.n_outputs
                or out.dtype != self._forest.value.dtype or not cnp.PyArray_ISCARRAY(out)):
            raise ValueError(
                f"out must be C-contiguous {self._forest.value.dtype} ({table.n}, {self._view.n_outputs}), "
                f"got {_came(out)}"
            )
        self._predict(table, out, n_threads)

    cdef _predict(self, Table table, cnp.ndarray out, int n_threads):
        cdef void* data = cnp.PyArray_DATA(out)
        cdef Status status
        if self._engine.choice(table.n).cost > LONG:
            with nogil:
                status = self._engine.predict(table, data, n_threads)
        else:
            status = self._engine.predict(table, data, n_threads)
        if status != Status.ok:
            raise MemoryError("no memory for the kernel's scratch space")

    def leaves_into(self, cnp.ndarray X not None, cnp.ndarray out not None, int n_threads=1):
        """Leaf labels of a block into int32 C-contiguous (n_rows, n_trees)."""
        cdef Table table = self._table(X)
        if (out.ndim != 2 or out.shape[0] != table.n or out.shape[1] != self._view.n_trees
                or out.dtype != np.int32 or not cnp.PyArray_ISCARRAY(out)):
            raise ValueError(f"out must be C-contiguous int32 ({table.n}, {self._view.n_trees}), got {_came(out)}")
        cdef int32_t* data = <int32_t*>cnp.PyArray_DATA(out)
        cdef Status status
        with nogil:
            status = self._engine.leaves(table, data, n_threads)
        if status != Status.ok:
            raise MemoryError("no memory for the kernel's scratch space")
