from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t
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
        bool run(const double* const*, int, const int64_t*, int64_t, const int64_t*, const int64_t*, int64_t,
                 double* const*, int, bool) const
        void run_alone(const double* const*, int64_t, double* const*) except +
        void run_steps(const double* const*, const int64_t*, int64_t, double* const*) except +

    double missing()
    void make_plain(double*, int64_t)
    int MAX_INPUTS


cdef extern from "perfcore/features/groups.hpp" namespace "perfcore::features" nogil:
    cdef struct Times:
        int64_t first_late
        int64_t n_late
        int64_t n_same

    vector[int64_t] c_encode "perfcore::features::encode" (const int64_t*, const uint8_t*, int64_t, int64_t*) except +
    vector[int64_t] c_ascending "perfcore::features::ascending" (const int64_t*, int64_t) except +
    bool lie_in_order(const int64_t*, int64_t)
    void count(const int64_t*, int64_t, int64_t, int64_t*)
    void c_arrange "perfcore::features::arrange" (const int64_t*, int64_t, int64_t, const int64_t*, int64_t*) except +
    Times c_look_at "perfcore::features::look_at" (
        const int64_t*, int64_t, const int64_t*, const int64_t*, int64_t, bool
    )
    void c_rows_before "perfcore::features::rows_before" (
        const int64_t*, int64_t, int64_t, int64_t, int64_t*
    ) except + nogil
    void c_rows_before "perfcore::features::rows_before" (const int64_t*, int64_t, int64_t, int64_t*) nogil
    int64_t leave_out_late(const int64_t*, const int64_t*, const int64_t*, int64_t, int64_t*, int64_t*)


cdef extern from "perfcore/features/texts.hpp" namespace "perfcore::features" nogil:
    vector[int64_t] c_encode_texts "perfcore::features::encode_texts" (
        const int64_t*, const char*, const uint8_t*, int64_t, int64_t*
    ) except +
    vector[int64_t] c_encode_texts "perfcore::features::encode_texts" (
        const int32_t*, const char*, const uint8_t*, int64_t, int64_t*
    ) except +


cdef class Plan:
    cdef CPlan plan
    cdef readonly int n_columns
    cdef readonly bint nan_is_missing


cdef extern from "<mutex>" namespace "std" nogil:
    cdef cppclass Mutex "std::mutex":
        void lock()
        bool try_lock()
        void unlock()


cdef extern from "perfcore/features/store.hpp" namespace "perfcore::features" nogil:
    cdef enum Late "perfcore::features::Late":
        pass

    cdef cppclass CStore "perfcore::features::Store":
        CStore(const CPlan&, Late, bool) except +
        int64_t size() const
        void add() except +
        void shrink_to(int64_t)
        bool is_late(int64_t, int64_t) const
        int64_t last_time(int64_t) const
        void update(int64_t, const double*, int64_t, double*) except +
        void peek(int64_t, const double*, int64_t, double*) except +
        int64_t first_late(const int64_t*, const int64_t*, int64_t) except +
        void update_rows(
            const int64_t*, const double* const*, int, const int64_t*, int64_t, double* const*
        ) except +
        void peek_rows(const int64_t*, const double* const*, int, const int64_t*, int64_t, double* const*) except +
        bool update_series(
            int64_t, const double* const*, int, const int64_t*, const int64_t*, const int64_t*, int64_t, int
        )
        void ready(int64_t, uint8_t*) const
        size_t bytes() const
        void save(char*) const
        bool load(const char*, size_t, int64_t) except +
        size_t memory() const


cdef class Store:
    cdef CStore* store
    cdef Mutex mutex
    cdef Plan plan
    cdef readonly tuple columns
    cdef dict places
    cdef tuple values
    cdef tuple keys
    cdef list kinds
    cdef int time
    cdef int time_kind
    cdef set needed
    cdef set after
    cdef int n_outputs
    cdef int late
    cdef dict numbers
    cdef int _lock(self) except -1
    cdef int64_t _number(self, key) except -2
    cdef int _refuse_late(self, key, int64_t entity, int64_t time) except -1
    cdef void _fill(self, double* told) noexcept
    cdef void _plain(self, double* told) noexcept
    cdef _read(self, row, double* cells, int64_t* time, bint is_peek)
    cdef _check_names(self, dict named)
    cdef _cell(self, dict named, tuple cells, int place, bint is_peek=*)
    cdef _plainer(self, row)
    cdef _numbers_of(self, list keys)
    cdef int64_t _add(self, key) except -1
    cdef _forget(self, int64_t n)
    cdef _take(
        self, const int64_t* whose, vector[const double*]& cells, const int64_t* at, int64_t n, vector[double*]& told,
        bint is_asked, bint is_peek,
    )
