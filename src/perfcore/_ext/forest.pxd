# The kernels as other extension modules see them.
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libcpp.string cimport string


cdef extern from "perfcore/forest.hpp" namespace "perfcore" nogil:
    cdef enum class Status(int):
        ok
        out_of_memory

    cdef cppclass ForestView:
        const int32_t* feature
        const double* threshold
        const int32_t* left
        const int32_t* right
        const uint8_t* flags
        const int32_t* category
        const int64_t* set_start
        const uint32_t* set_words
        const int32_t* root
        const int32_t* leaf_start
        const int32_t* output
        const void* value
        const int32_t* label
        const void* base
        const double* linear_constant
        const int32_t* linear_start
        const int32_t* linear_feature
        const double* linear_coefficient
        const uint8_t* linear_applies
        int64_t n_nodes, n_leaves, n_trees
        int32_t n_features, n_outputs, leaf_width
        bint sums_in_float, rounds_to_float, truncates_negative
        double zero_bound, missing

    cdef cppclass Table:
        const char* data
        int64_t row_stride, column_stride, n
        bint is_float


cdef extern from "perfcore/kernel.hpp" namespace "perfcore" nogil:
    cdef enum class KernelName(int):
        automatic

    cdef enum class InstructionSet(int):
        portable

    bint runs_here(InstructionSet isa)

    cdef cppclass Work:
        double& operator[](size_t i)
    cdef enum:
        N_AMOUNTS

    cdef cppclass Kernel:
        KernelName name()
        InstructionSet isa()
        double cost(int64_t rows)
        Work work(int64_t rows)


cdef extern from "perfcore/engine.hpp" namespace "perfcore" nogil:
    cdef cppclass Engine:
        Engine(const ForestView& forest, KernelName name, InstructionSet isa) except +
        size_t n_kernels()
        const Kernel& kernel(size_t i)
        cppclass Choice:
            double cost
        Choice choice(int64_t rows)
        const Kernel& kernel_for(int64_t rows)
        const string& why_not(KernelName name)
        int64_t bytes()
        Status predict(const Table& x, void* out, int n_threads)
        Status leaves(const Table& x, int32_t* out, int n_threads)


cdef enum:
    LONG = 5_000  # nanoseconds of work for which dropping the GIL, and asking for it again, pays


cdef class ForestKernel:
    cdef Engine* _engine
    cdef ForestView _view
    cdef object _forest
    cdef readonly str asked  # for which kernel
    cdef Table _table(self, cnp.ndarray X) except *
    cdef _predict(self, Table table, cnp.ndarray out, int n_threads)
