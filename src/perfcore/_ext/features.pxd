from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libcpp cimport bool
from libcpp.map cimport map
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "perfcore/features/plan.hpp" namespace "perfcore::features" nogil:
    cdef cppclass Spec:
        Spec()
        string kind
        bool nan_is_missing
        map[string, int64_t] integers
        map[string, double] numbers

    cdef cppclass Feature:
        int n_inputs() const
        int n_outputs() const

    cdef cppclass Use:
        unique_ptr[Feature] feature
        vector[int] columns
        int first_output

    cdef cppclass CPlan "perfcore::features::Plan":
        bool add(const Spec&, const vector[int]&) except +
        const vector[Use]& uses() const
        int n_outputs() const
        bool run(const double* const*, int, const int64_t*, const int64_t*, const int64_t*, int64_t, double* const*, int) const
        void run_steps(const double* const*, const int64_t*, int64_t, double* const*) except +

    double missing()
    int MAX_INPUTS


cdef class Plan:
    cdef CPlan plan
    cdef readonly int n_columns
    cdef readonly bint nan_is_missing
