# A digest of all that a Python object holds: attributes, containers and the cells of arrays.
import itertools
import types
import weakref
from functools import partial

import numpy as np

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cnp.import_array()


cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int*) except? -1


cdef extern from "perfcore/content.hpp" namespace "perfcore" nogil:
    cdef cppclass Digest:
        uint64_t a, b
        void add(uint64_t word)
        void add(const char* data, size_t n)


cdef enum:
    NONE = 1, TRUE, FALSE, FLOAT, INT, TEXT, LIST, DICT, SET, ARRAY, OBJECT, MEMORY, OPAQUE, AGAIN, SCALAR

cdef enum:
    DEEPEST = 200
    MOST = 2_000_000  # objects: a tenth of a second
    LONG = 65_536  # bytes for which dropping the GIL is nothing

cdef tuple VALUES = (int, float, complex, str, bytes)
cdef object GENERIC = np.generic, REFERENCE = weakref.ref
cdef tuple IDENTITIES = (
    type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, partial, weakref.ref
)


cdef class Digester:
    """Digests of an object's content; those of one digester are equal while nothing was changed.

    Content are numbers, strings, the items of lists, tuples, dicts and sets, the cells of arrays, the attributes of
    objects, and the memory of what ``memory(x)`` gives arrays for: extension objects with a buffer behind them. Objects
    of a class for which ``view(class)`` gives a function count by what that makes of them instead.
    Everything else (functions, classes, other extension objects) counts by its identity. Nothing that leads back to
    the root is kept alive: by identity objects are known through weak references, where they allow such.
    """

    cdef dict _known, _memory, _views
    cdef object _numbers, _arrays_of, _view_of
    # Of one walk, which is a digester of its own: other threads may walk while this one reads a long array.
    cdef dict _seen
    cdef list _passed
    cdef Digest _digest
    cdef int64_t _n_objects
    cdef int _depth

    def __init__(self, memory, view):
        self._known, self._memory, self._views, self._numbers = {}, {}, {}, itertools.count()
        self._arrays_of, self._view_of = memory, view

    def digest(self, root) -> bytes:
        """16 bytes; `RecursionError` for what is nested too deep, `OverflowError` for what has too many parts."""
        cdef Digester walk = Digester.__new__(Digester)
        cdef Digest start
        walk._known, walk._memory, walk._views, walk._numbers = self._known, self._memory, self._views, self._numbers
        walk._arrays_of, walk._view_of = self._arrays_of, self._view_of
        walk._digest, walk._seen, walk._passed, walk._depth, walk._n_objects = start, {}, [], 0, 0
        walk._add(root)
        return walk._digest.a.to_bytes(8, "little") + walk._digest.b.to_bytes(8, "little")

    cdef int _add(self, x) except -1:
        cdef double number
        cdef uint64_t word
        cdef int overflow = 0
        self._n_objects += 1
        if self._n_objects > MOST:
            raise OverflowError(f"an object of more than {MOST:,} parts")
        if x is None:
            self._digest.add(<uint64_t>NONE)
        elif x is True:
            self._digest.add(<uint64_t>TRUE)
        elif x is False:
            self._digest.add(<uint64_t>FALSE)
        elif type(x) is float:
            number = PyFloat_AS_DOUBLE(x)
            memcpy(&word, &number, 8)
            self._digest.add(<uint64_t>FLOAT)
            self._digest.add(word)
        elif type(x) is int:
            word = <uint64_t>PyLong_AsLongLongAndOverflow(x, &overflow)
            self._digest.add(<uint64_t>INT)
            self._digest.add(word)
            if overflow:
                self._add(str(x))
        elif type(x) is str or type(x) is bytes:
            self._digest.add(<uint64_t>TEXT)
            self._digest.add(<uint64_t>hash(x))
        elif isinstance(x, GENERIC):
            self._digest.add(<uint64_t>SCALAR)
            self._identity(type(x))
            self._add(x.tobytes())
        else:
            self._depth += 1
            if self._depth > DEEPEST:
                raise RecursionError(f"an object nested deeper than {DEEPEST}")
            self._composite(x)
            self._depth -= 1
        return 0

    cdef int _composite(self, x) except -1:
        cdef object index = self._seen.get(<uint64_t><void*>x)
        if index is not None:
            self._digest.add(<uint64_t>AGAIN)
            self._digest.add(<uint64_t>index)
            return 0
        self._seen[<uint64_t><void*>x] = len(self._seen)
        self._passed.append(x)  # what was made for this walk alone must not leave its address to another
        cdef bint is_read = True
        if isinstance(x, cnp.ndarray):
            self._array(x)
        elif isinstance(x, (list, tuple)):
            self._items(LIST, tuple(x))
        elif isinstance(x, dict):
            self._items(DICT, tuple(x))
            self._items(DICT, tuple(x.values()))
        elif isinstance(x, (set, frozenset)):
            self._items(SET, tuple(x))  # in the set's own order, which only its changes change
        elif isinstance(x, IDENTITIES):
            self._identity(x)
            return 0
        else:
            is_read = False
        if is_read and (type(x) is list or type(x) is dict or type(x) is tuple or type(x) is cnp.ndarray):
            return 0
        if type(x) not in self._views:
            self._views[type(x)] = self._view_of(type(x))
        cdef object view = self._views[type(x)]
        if view is not None:
            self._identity(type(x))
            return self._add(view(x))
        cdef object attributes = getattr(x, "__dict__", None)
        if type(attributes) is dict:
            self._digest.add(<uint64_t>OBJECT)
            self._identity(type(x))
            if isinstance(x, VALUES):
                self._identity(x)
            self._items(DICT, tuple(attributes))
            self._items(DICT, tuple(attributes.values()))
        elif not is_read:
            self._extension(x)
        return 0

    cdef int _items(self, uint64_t kind, tuple items) except -1:
        self._digest.add(kind)
        self._digest.add(<uint64_t>len(items))
        for item in items:
            self._add(item)
        return 0

    cdef int _array(self, cnp.ndarray x) except -1:
        cdef int i, kind = cnp.PyArray_TYPE(x)
        self._digest.add(<uint64_t>ARRAY)
        self._digest.add(<uint64_t>hash(x.dtype) if kind == cnp.NPY_VOID else <uint64_t>kind)
        self._digest.add(<uint64_t>cnp.PyArray_ITEMSIZE(x))
        self._digest.add(<uint64_t>cnp.PyArray_ISNOTSWAPPED(x))
        for i in range(cnp.PyArray_NDIM(x)):
            self._digest.add(<uint64_t>cnp.PyArray_DIM(x, i))
            self._digest.add(<uint64_t>cnp.PyArray_STRIDE(x, i))
        if kind == cnp.NPY_OBJECT or (kind == cnp.NPY_VOID and x.dtype.hasobject):
            return self._items(LIST, tuple(x.ravel().tolist()))
        return self._cells(x if cnp.PyArray_ISONESEGMENT(x) else np.ascontiguousarray(x))

    cdef int _cells(self, cnp.ndarray x) except -1:
        cdef const char* data = <const char*>cnp.PyArray_DATA(x)
        cdef size_t n = cnp.PyArray_NBYTES(x)
        if n < LONG:
            self._digest.add(data, n)
        else:
            with nogil:
                self._digest.add(data, n)
        return 0

    cdef int _extension(self, x) except -1:
        cdef object key = <uint64_t><void*>x
        kept = self._memory.get(key)
        if kept is None or kept[0] is not x:
            arrays = None if self._is_known(x) else self._arrays_of(x)
            if arrays is None:
                return self._identity(x)
            self._memory[key] = kept = x, arrays
        self._digest.add(<uint64_t>MEMORY)
        for array in <tuple>kept[1]:
            self._cells(array)
        return 0

    cdef int _identity(self, x) except -1:
        """A number that an object keeps while it lives, and that no other object gets, even at the same address."""
        cdef object key = <uint64_t><void*>x
        if not self._is_known(x):
            try:
                reference = weakref.ref(x)
            except TypeError:
                reference = x
            self._known[key] = reference, next(self._numbers)
        self._digest.add(<uint64_t>OPAQUE)
        self._digest.add(<uint64_t><int64_t>self._known[key][1])
        return 0

    cdef bint _is_known(self, x) except -1:
        kept = self._known.get(<uint64_t><void*>x)
        if kept is None:
            return False
        reference = (<tuple>kept)[0]
        return (reference() if type(reference) is REFERENCE else reference) is x
