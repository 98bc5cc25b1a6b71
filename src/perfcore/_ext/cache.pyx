# The Python class over the C++ cache of rows by key: checks, drops the GIL, hands out views.
import numpy as np

cimport numpy as cnp
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

cnp.import_array()

cdef extern from "perfcore/cache/cache.hpp" namespace "perfcore::cache" nogil:
    cdef enum class Policy(int):
        CLOCK

    cdef enum Count:
        HITS
        N_COUNTS

    cdef const int64_t NEVER

    cdef cppclass Settings:
        int64_t capacity, row_bytes
        Policy policy
        cbool has_dates
        int64_t idle, max_pinned
        uint64_t seed

    cdef cppclass Store[Keys]:
        @staticmethod
        uint64_t nbytes_for(const Settings& settings)

    cdef cppclass Slab:
        char* data
        void unpin(int64_t place)

    cdef cppclass KeyBatch:
        const int64_t* integers
        const int64_t* offsets
        const char* data

    cdef cppclass Log:
        vector[int64_t] integers, ends
        string text
        vector[char] rows
        vector[uint8_t] expired

    cdef cppclass Integers:
        pass

    cdef cppclass Strings:
        pass

    cdef cppclass Cache:
        void get(const KeyBatch& keys, int64_t n, char* out, const char* fill, uint8_t* hit, int64_t now) except +
        void contains(const KeyBatch& keys, int64_t n, uint8_t* hit, int64_t now) except +
        shared_ptr[Slab] pin(const KeyBatch& key, int64_t now, int64_t& place, cbool& is_full) except +
        int64_t put(const KeyBatch& keys, int64_t n, const char* rows, const int64_t* versions,
                    const int64_t* untils, int64_t now, Log* log) except +
        int64_t remove(const KeyBatch& keys, int64_t n, uint8_t* was) except +
        void resize(int64_t capacity, int64_t max_pinned, cbool keeps, cbool has_dates, int64_t now) except +
        void entries(int64_t now, Log& log, vector[int64_t]* dates) except +
        int64_t size() except +
        int64_t capacity() except +
        Policy policy() except +
        uint64_t nbytes() except +
        int64_t n_pinned()
        uint64_t total(Count which)
        void before_fork() except +
        void after_fork(cbool is_child)

    cdef cppclass Mapped:
        shared_ptr[void] memory

    cdef cppclass CacheOf[Keys](Cache):
        CacheOf(const Settings& settings) except +
        CacheOf(const Settings& settings, const Mapped& mapped, const KeyBatch& keys, const int64_t* dates) except +

cdef extern from "perfcore/cache/mapping.hpp" namespace "perfcore::cache" nogil:
    Mapped c_mapped "perfcore::cache::mapped"(int file, int64_t at, int64_t n, int64_t row_bytes, cbool is_writeable)

POLICIES = ("clock", "s3fifo", "lfu", "lru_exact", "adaptive")
COUNTS = (
    "hits", "misses", "expired", "inserts", "updates", "older", "rejected", "evicted_capacity", "evicted_expired",
    "evicted_shrink", "deleted", "skipped_pinned",
)


def nbytes_for(int64_t capacity, int64_t row_bytes, policy, bint has_dates):
    """Bytes that a `RowCache` of that many rows takes, but for the text of its keys."""
    cdef Settings settings
    settings.capacity, settings.row_bytes, settings.has_dates = capacity, row_bytes, has_dates
    settings.policy = <Policy><int>POLICIES.index(policy)
    return Store[Integers].nbytes_for(settings)


cdef class Row:
    """One row of a cache, read-only: a buffer of its bytes, which stay as they are while this is alive."""

    cdef shared_ptr[Slab] slab
    cdef int64_t place, row_bytes

    def __dealloc__(self):
        if self.slab.get() != NULL:
            self.slab.get().unpin(self.place)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.slab.get().data + self.place * self.row_bytes, self.row_bytes, 1, flags)


cdef class RowCache:
    """Rows of ``row_bytes`` bytes by integer keys, or by text or bytes; times are nanoseconds of the caller's clock.

    Keys are int64 arrays, or pairs of int64 offsets and bytes in Arrow's layout. The caller answers for shapes.
    """

    cdef unique_ptr[Cache] cache
    cdef int64_t row_bytes, few
    cdef bint is_text

    def __cinit__(
        self,
        int64_t capacity,
        int64_t row_bytes,
        policy,
        bint is_text,
        *,
        bint has_dates=False,
        idle=None,
        int64_t max_pinned=0,
        uint64_t seed=0,
        mapped=None,
    ):
        """``mapped``: (file descriptor, byte of the first row, whether rows may be written, keys, dates or None)."""
        cdef Settings settings
        cdef Mapped rows
        cdef KeyBatch batch
        cdef const int64_t* dates = NULL
        cdef int64_t n
        settings.capacity = capacity
        settings.row_bytes = row_bytes
        settings.policy = <Policy><int>POLICIES.index(policy)
        settings.has_dates = has_dates or idle is not None
        settings.idle = NEVER if idle is None else <int64_t>idle
        settings.max_pinned = max_pinned
        settings.seed = seed
        self.row_bytes = row_bytes
        self.is_text = is_text
        # Below that many keys, dropping the GIL costs more than it gives; but nobody waits for a mutex who has it.
        self.few = 0 if policy == "lru_exact" else 16
        if mapped is not None:
            file, at, is_writeable, keys, its_dates = mapped
            n = self._keys(keys, &batch)
            rows = c_mapped(file, at, n, row_bytes, is_writeable)
            if rows.memory.get() == NULL:
                raise OSError("the file cannot be mapped")
            if its_dates is not None:
                dates = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>its_dates)
            with nogil:
                if is_text:
                    self.cache.reset(new CacheOf[Strings](settings, rows, batch, dates))
                else:
                    self.cache.reset(new CacheOf[Integers](settings, rows, batch, dates))
            return
        with nogil:
            if is_text:
                self.cache.reset(new CacheOf[Strings](settings))
            else:
                self.cache.reset(new CacheOf[Integers](settings))

    cdef int64_t _keys(self, keys, KeyBatch* batch) except -1:
        cdef cnp.ndarray integers, offsets
        if self.is_text:
            offsets, data = keys
            batch.offsets = <const int64_t*>cnp.PyArray_DATA(offsets)
            batch.data = <const char*>cnp.PyArray_DATA(<cnp.ndarray>data)
            return cnp.PyArray_DIM(offsets, 0) - 1
        integers = keys
        batch.integers = <const int64_t*>cnp.PyArray_DATA(integers)
        return cnp.PyArray_DIM(integers, 0)

    cdef bint _lies_in(self, const KeyBatch& batch, int64_t n, const char* to, int64_t size) noexcept:
        """Whether keys share memory with what is written to."""
        cdef const char* begin = <const char*>batch.integers
        if not self.is_text:
            return begin < to + size and to < begin + 8 * n
        begin = <const char*>batch.offsets
        if begin < to + size and to < begin + 8 * (n + 1):
            return True
        return batch.data + batch.offsets[0] < to + size and to < batch.data + batch.offsets[n]

    def get(self, keys, cnp.ndarray out not None, cnp.ndarray fill, cnp.ndarray hit not None, int64_t now=0):
        """Rows into ``out``, ``fill`` (or nothing) for those that are not there, and which of them are.

        ``out`` may lie where the keys do.
        """
        cdef KeyBatch batch
        cdef int64_t n = self._keys(keys, &batch)
        cdef char* to = cnp.PyArray_BYTES(out)
        cdef const char* blank = NULL
        cdef uint8_t* found = <uint8_t*>cnp.PyArray_DATA(hit)
        if fill is not None:
            blank = cnp.PyArray_BYTES(fill)
        if self._lies_in(batch, n, to, cnp.PyArray_NBYTES(out)):
            keys = tuple(part.copy() for part in keys) if self.is_text else keys.copy()
            self._keys(keys, &batch)
        if n < self.few:
            self.cache.get().get(batch, n, to, blank, found, now)
        else:
            with nogil:
                self.cache.get().get(batch, n, to, blank, found, now)

    def get_one(self, int64_t key, cnp.ndarray out, object shape, cnp.dtype dtype, int64_t now=0):
        """The row of an integer key: ``out``, or a new array where that is None; None where the key is not there.

        Raises TypeError where ``out`` is not an array of that shape and dtype that can be written as it lies.
        """
        cdef KeyBatch batch
        cdef uint8_t hit
        if out is None:
            out = np.empty(shape, dtype)
        elif ((out.dtype is not dtype and out.dtype != dtype) or not cnp.PyArray_ISCARRAY(out)
              or cnp.PyArray_NBYTES(out) != self.row_bytes
              or (<object>out).shape != shape):
            raise TypeError
        cdef char* to = cnp.PyArray_BYTES(out)
        batch.integers = &key
        if self.few:
            self.cache.get().get(batch, 1, to, NULL, &hit, now)
        else:
            with nogil:
                self.cache.get().get(batch, 1, to, NULL, &hit, now)
        return out if hit else None

    def contains(self, keys, cnp.ndarray hit not None, int64_t now=0):
        cdef KeyBatch batch
        cdef int64_t n = self._keys(keys, &batch)
        cdef uint8_t* found = <uint8_t*>cnp.PyArray_DATA(hit)
        with nogil:
            self.cache.get().contains(batch, n, found, now)

    def put(self, keys, cnp.ndarray rows not None, cnp.ndarray versions, cnp.ndarray untils, int64_t now=0,
            bint logs=False):
        """How many were rejected, and what was evicted, as `entries` has it, where that is asked for."""
        cdef KeyBatch batch
        cdef int64_t n = self._keys(keys, &batch), n_rejected
        cdef const char* data = cnp.PyArray_BYTES(rows)
        cdef const int64_t* its_versions = NULL
        cdef const int64_t* its_untils = NULL
        cdef Log log
        cdef Log* asked = NULL
        if versions is not None:
            its_versions = <const int64_t*>cnp.PyArray_DATA(versions)
        if untils is not None:
            its_untils = <const int64_t*>cnp.PyArray_DATA(untils)
        if logs:
            asked = &log
        with nogil:
            n_rejected = self.cache.get().put(batch, n, data, its_versions, its_untils, now, asked)
        return n_rejected, self._read(log) if logs else None

    def remove(self, keys, cnp.ndarray was not None):
        cdef KeyBatch batch
        cdef int64_t n = self._keys(keys, &batch)
        cdef uint8_t* found = <uint8_t*>cnp.PyArray_DATA(was)
        with nogil:
            n = self.cache.get().remove(batch, n, found)
        return n

    def pin(self, keys, int64_t now=0):
        """A `Row` of a key; None where it is not there, False where too many rows are held already."""
        cdef KeyBatch batch
        cdef cbool is_full = False
        cdef Row row = Row.__new__(Row)
        self._keys(keys, &batch)
        row.row_bytes = self.row_bytes
        if self.few:
            row.slab = self.cache.get().pin(batch, now, row.place, is_full)
        else:
            with nogil:
                row.slab = self.cache.get().pin(batch, now, row.place, is_full)
        return row if row.slab.get() != NULL else False if is_full else None

    def resize(self, int64_t capacity, int64_t max_pinned, int64_t now=0, *, bint keeps=True, bint has_dates=False):
        """Another number of rows; ``keeps``: those that are there; ``has_dates``: room for versions and ages, too.

        A ``capacity`` of 0 and a ``max_pinned`` of -1 leave them as they are.
        """
        with nogil:
            self.cache.get().resize(capacity, max_pinned, keeps, has_dates, now)

    def entries(self, int64_t now=0):
        """(keys, rows as bytes, dates): what is there; keys as they are handed in, dates (n, 3) of int64."""
        cdef Log log
        cdef vector[int64_t] dates
        with nogil:
            self.cache.get().entries(now, log, &dates)
        keys, rows, _ = self._read(log)
        return keys, rows, _array(dates).reshape(-1, 3)

    cdef _read(self, Log& log):
        keys = _array(log.integers)
        if self.is_text:
            offsets = np.concatenate([np.zeros(1, np.int64), _array(log.ends)])
            keys = offsets, np.frombuffer(<bytes>log.text, np.uint8)
        rows = _bytes(log.rows.data(), log.rows.size())
        return keys, rows, _bytes(<const char*>log.expired.data(), log.expired.size()).view(bool)

    def __len__(self):
        return self.cache.get().size()

    @property
    def capacity(self):
        return self.cache.get().capacity()

    @property
    def policy(self):
        """The policy that is in use: of "adaptive" the one that it chose."""
        return POLICIES[<int>self.cache.get().policy()]

    @property
    def nbytes(self):
        return self.cache.get().nbytes()

    def counts(self):
        cdef int which
        counts = {COUNTS[which]: self.cache.get().total(<Count>which) for which in range(<int>N_COUNTS)}
        return counts | {"pinned": self.cache.get().n_pinned()}

    def before_fork(self):
        with nogil:
            self.cache.get().before_fork()

    def after_fork(self, bint is_child):
        self.cache.get().after_fork(is_child)


cdef _array(vector[int64_t]& values):
    cdef cnp.npy_intp n = values.size()
    cdef cnp.ndarray array = np.empty(n, np.int64)
    cdef int64_t i
    cdef int64_t* to = <int64_t*>cnp.PyArray_DATA(array)
    for i in range(n):
        to[i] = values[i]
    return array


cdef _bytes(const char* data, size_t n):
    cdef cnp.ndarray array = np.empty(n, np.uint8)
    if n:
        memcpy(cnp.PyArray_DATA(array), data, n)
    return array
