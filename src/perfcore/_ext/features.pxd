from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t
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
        void run_alone(const double* const*, int64_t, double* const*) except +
        void run_steps(const double* const*, const int64_t*, int64_t, double* const*) except +

    double missing()
    int MAX_INPUTS


cdef extern from "perfcore/features/groups.hpp" namespace "perfcore::features" nogil:
    cdef struct Times:
        int64_t first_late
        int64_t n_late
        int64_t n_same

    vector[int64_t] c_encode "perfcore::features::encode" (const int64_t*, const uint8_t*, int64_t, int64_t*) except +
    bool lie_in_order(const int64_t*, int64_t)
    void count(const int64_t*, int64_t, int64_t, int64_t*)
    void c_arrange "perfcore::features::arrange" (const int64_t*, int64_t, int64_t, const int64_t*, int64_t*) except +
    Times c_look_at "perfcore::features::look_at" (const int64_t*, const int64_t*, const int64_t*, int64_t)
    int64_t leave_out_late(const int64_t*, const int64_t*, const int64_t*, int64_t, int64_t*, int64_t*)


cdef class Plan:
    cdef CPlan plan
    cdef readonly int n_columns
    cdef readonly bint nan_is_missing
