# A predictor's calls, as other extension modules count them.
from libc.stdint cimport int64_t


cdef extern from "perfcore/calls.hpp" namespace "perfcore" nogil:
    cdef cppclass CCalls "perfcore::Calls":
        int64_t begin()
        void count_row(int64_t began)
        void count_table(int64_t began, int64_t n)
        void count_failed()
        int64_t calls()
        int64_t rows()
        int64_t failed()
        int64_t nanoseconds()
        int64_t bucket(int i)
        void clear()

        @staticmethod
        int64_t end_of(int i)


cdef class Calls:
    cdef CCalls counted
