# Streams: the states of many entities, rows of Python objects into them. Included by features.pyx.

cdef enum:
    NUMBER = 0
    TEXT = 1
    TIME = 2
    ZONED_TIME = 3

_KINDS = {"number": NUMBER, "text": TEXT, "time": TIME, "zoned time": ZONED_TIME}
_SAID = ("a number", "text", "a time without a time zone", "a time with a time zone")
cdef double NAN = np.nan
cdef int64_t NAT = -2**63
cdef dict PER_UNIT = {
    cnp.NPY_FR_ns: 1, cnp.NPY_FR_us: 10**3, cnp.NPY_FR_ms: 10**6, cnp.NPY_FR_s: 10**9, cnp.NPY_FR_m: 60 * 10**9,
    cnp.NPY_FR_h: 3600 * 10**9, cnp.NPY_FR_D: 86_400 * 10**9, cnp.NPY_FR_W: 7 * 86_400 * 10**9,
}


cdef class Store:
    """States of a plan's features for many entities, fed rows of tables, or one row as a tuple or dict.

    ``columns`` are those of the rows; ``values``, ``keys`` and ``time`` are places among them: what the plan reads,
    what tells entities apart, and when rows are (-1: no times). ``late`` is 0 (raise), 1 (drop) or 2 (revise the last).
    ``after``: names of columns that rows may lack, by which missing cells are meant, where nothing is taken.
    """

    def __cinit__(self, Plan plan, tuple columns, tuple values, tuple keys, tuple kinds, int time, str time_kind,
                  int late, tuple after=()):
        self.plan = plan
        self.columns = columns
        self.places = {name: place for place, name in enumerate(columns)}
        self.values = values
        self.keys = keys
        self.time = time
        self.time_kind = _KINDS[time_kind]
        self.kinds = [_KINDS[kind] for kind in kinds]
        if plan.n_columns != len(values) or len(kinds) != len(keys):
            raise ValueError("the plan and the columns of the rows differ")
        for place in (*values, *keys, *((time,) if time >= 0 else ())):
            if not 0 <= place < len(columns):
                raise ValueError(f"there is no column {place} of {len(columns)}")
        self.needed = {columns[place] for place in (*values, *keys, *((time,) if time >= 0 else ()))}
        self.after = self.needed & set(after)
        self.n_outputs = plan.plan.n_outputs()
        self.late = late
        self.numbers = {}
        self.store = new CStore(plan.plan, <Late>late, time >= 0)
        if not keys:
            self.numbers[None] = 0
            self.store.add()

    def __dealloc__(self):
        del self.store

    def __len__(self):
        self._lock()  # a peek has its new entities there meanwhile
        try:
            return len(self.numbers)
        finally:
            self.mutex.unlock()

    cdef int _lock(self) except -1:
        if not self.mutex.try_lock():
            with nogil:
                self.mutex.lock()
        return 0

    def _hold(self):
        """Wait for who is changing it, and keep others out: before a fork."""
        with nogil:
            self.mutex.lock()

    def _release(self):
        self.mutex.unlock()

    # ---- one row

    def update(self, row):
        """Take a row; what is said of it, as an array of float64 in the order of the outputs."""
        cdef vector[double] cells
        cdef int64_t time = 0, entity, n_before
        cells.resize(<size_t>self.plan.n_columns)
        key = self._read(row, cells.data(), &time, False)
        out = _floats(self.n_outputs)
        cdef double* told = <double*>cnp.PyArray_DATA(<cnp.ndarray>out)
        if key is ABSENT:
            self._fill(told)
            return out
        self._lock()
        try:
            n_before = self.store.size()
            entity = self._number(key)
            if entity >= 0 and self.store.is_late(entity, time):
                self._refuse_late(key, entity, time)
                self._fill(told)
                return out
            try:
                if entity < 0:
                    entity = self._add(key)
                self.store.update(entity, cells.data(), time, told)
            except MemoryError:
                self._forget(n_before)
                raise
        finally:
            self.mutex.unlock()
        self._plain(told)
        return out

    def peek(self, row):
        """What `update` would say of a row; nothing changes."""
        cdef vector[double] cells
        cdef int64_t time = 0, entity
        cells.resize(<size_t>self.plan.n_columns)
        key = self._read(row, cells.data(), &time, True)
        out = _floats(self.n_outputs)
        cdef double* told = <double*>cnp.PyArray_DATA(<cnp.ndarray>out)
        if key is ABSENT:
            self._fill(told)
            return out
        self._lock()
        try:
            entity = self._number(key)
            if entity >= 0 and self.store.is_late(entity, time):
                self._refuse_late(key, entity, time)
                self._fill(told)
                return out
            self.store.peek(entity, cells.data(), time, told)
        finally:
            self.mutex.unlock()
        self._plain(told)
        return out

    cdef int64_t _number(self, key) except -2:
        cdef PyObject* found = PyDict_GetItemWithError(self.numbers, key)
        return -1 if found == NULL else <int64_t><object>found

    cdef int _refuse_late(self, key, int64_t entity, int64_t time) except -1:
        if self.late == 1:  # dropped
            return 0
        last = self.store.last_time(entity)
        of = "" if key is None else f" of {key!r}"
        raise InputError(
            f"column {self.columns[self.time]!r}: a row{of} at {self._said(time)} came after one at {self._said(last)}"
        )

    def _said(self, int64_t time):
        return str(time) if self.time_kind == NUMBER else str(np.datetime64(time, "ns"))

    cdef void _fill(self, double* told) noexcept:
        cdef int k
        for k in range(self.n_outputs):
            told[k] = NAN if self.plan.nan_is_missing else missing()

    cdef void _plain(self, double* told) noexcept:
        cdef int k
        if self.plan.nan_is_missing:
            for k in range(self.n_outputs):
                if told[k] != told[k]:
                    told[k] = NAN

    cdef _read(self, row, double* cells, int64_t* time, bint is_peek):
        """The row's cells and time into place; returns its key, or `ABSENT`."""
        cdef tuple cells_of = None
        cdef dict named = None
        cdef Py_ssize_t i
        cdef int place
        if PyDict_CheckExact(row):
            named = row
        elif PyTuple_CheckExact(row):
            cells_of = row
        else:
            row = self._plainer(row)
            if isinstance(row, dict):
                named = row
            else:
                cells_of = row
        if named is None:
            if len(cells_of) != len(self.columns):
                raise InputError(f"expected a row of {len(self.columns)} cells, got {len(cells_of)}")
        elif len(named) != len(self.needed):
            self._check_names(named)
        for i, place in enumerate(self.values):
            cell = self._cell(named, cells_of, place, is_peek)
            cells[i] = cell if PyFloat_CheckExact(cell) else _double(cell, self.columns[place])
        if self.time >= 0:
            time[0] = _nanoseconds(self._cell(named, cells_of, self.time), self.time_kind, self.columns[self.time])
            if time[0] == NAT:
                raise InputError(f"column {self.columns[self.time]!r}: the row has no time")
        if not self.keys:
            return None
        if len(self.keys) == 1:
            place = self.keys[0]
            return _key(self._cell(named, cells_of, place), self.kinds[0], self.columns[place])
        key = []
        for i, place in enumerate(self.keys):
            part = _key(self._cell(named, cells_of, place), self.kinds[i], self.columns[place])
            if part is ABSENT:
                return ABSENT
            key.append(part)
        return tuple(key)

    cdef _check_names(self, dict named):
        for name in named:
            if name not in self.places:
                raise InputError(f"column {name!r} is unknown: allowed are {list(self.columns)}")

    cdef _cell(self, dict named, tuple cells, int place, bint is_peek=False):
        if named is None:
            return cells[place]
        cdef PyObject* found = PyDict_GetItemWithError(named, self.columns[place])
        if found == NULL:
            if is_peek and self.columns[place] in self.after:
                self._check_names(named)
                return None
            absent = sorted([str(name) for name in self.needed - set(named)])
            hint = "; None is for what is not known" if self.after.intersection(absent) else ""
            raise InputError(f"a row lacks the columns {absent}; it has {list(named)}{hint}")
        return <object>found

    cdef _plainer(self, row):
        """A row of another type as a tuple or dict."""
        fields = getattr(row, "_fields", None)
        if isinstance(row, tuple) and fields is not None and self.needed - self.after <= set(fields):
            return dict(zip(fields, row))
        if isinstance(row, (tuple, list)):
            return tuple(row)
        if isinstance(row, Mapping):
            return dict(row)
        if isinstance(row, np.void) and row.dtype.names is not None:
            return dict(zip(row.dtype.names, row))
        if isinstance(row, np.ndarray) and row.ndim == 1:
            return tuple(row.tolist()) if row.dtype.kind in "biuf" else tuple(row)
        if type(row).__module__.partition(".")[0] == "pandas" and hasattr(row, "to_dict") and row.ndim == 1:
            named = row.to_dict()
            if len(named) != len(row):
                raise InputError(f"a row that bears a column twice: {list(row.index)}")
            return named if self.needed - self.after <= set(named) else tuple(row)
        raise InputError(
            f"expected one row (a dict, a tuple in the order of {list(self.columns)}, a named tuple, a Series), got a "
            f"{type(row).__qualname__}; many rows go to update_group"
        )

    # ---- many rows

    def _update_rows(self, list keys, codes, list columns, times, bint is_asked=True, bint is_peek=False):
        """Take rows of a table: all of them, or, where one is refused, none; what is said of them, column by column.

        ``is_peek``: what would be said; nothing changes.

        ``keys[codes[i]]`` is the key of row i; code -1: it has none. Returns (columns or None, the first late row
        or -1).
        """
        cdef Py_ssize_t n = len(codes)
        cdef vector[const double*] cells
        cdef vector[double*] told
        cdef int64_t n_before, late, i
        if len(columns) != self.plan.n_columns:
            raise ValueError(f"expected {self.plan.n_columns} columns, got {len(columns)}")
        for column in columns:
            cells.push_back(_cells(column, n))
        cdef const int64_t* at = _whole(times, n)
        if (at == NULL) != (self.time < 0):
            raise ValueError("expected times" if self.time >= 0 else "expected no times")
        cdef const int64_t* coded = _whole(codes, n)
        for i in range(n):
            if not -1 <= coded[i] < <int64_t>len(keys):
                raise ValueError(f"there is no key {coded[i]} of {len(keys)}")
        entities = np.empty(n, np.int64)
        cdef int64_t* whose = _room(entities)
        out = np.empty((self.n_outputs, n)) if is_asked else None
        if is_asked:
            for column in out:
                told.push_back(<double*>cnp.PyArray_DATA(<cnp.ndarray>column))
        self._lock()
        try:
            n_before = self.store.size()
            try:
                numbers = self._numbers_of(keys)
                for i in range(n):
                    whose[i] = -1 if coded[i] < 0 else (_room(numbers))[coded[i]]
                late = self.store.first_late(whose, at, n)
                if late < 0:
                    self._take(whose, cells, at, n, told, is_asked, is_peek)
            except MemoryError:
                self._forget(n_before)
                raise
            if is_peek or late >= 0:
                self._forget(n_before)
            if late >= 0:
                return None, late
        finally:
            self.mutex.unlock()
        return out, -1

    cdef _take(self, const int64_t* whose, vector[const double*]& cells, const int64_t* at, int64_t n,
               vector[double*]& told, bint is_asked, bint is_peek):
        """Rows that are in time: all of them, or, where there is no memory, none."""
        cdef double* const* out = told.data() if is_asked else NULL
        cdef int n_columns = self.plan.n_columns
        if n * (self.n_outputs + 1) >= LONG:
            with nogil:
                if is_peek:
                    self.store.peek_rows(whose, cells.data(), n_columns, at, n, out)
                else:
                    self.store.update_rows(whose, cells.data(), n_columns, at, n, out)
        elif is_peek:
            self.store.peek_rows(whose, cells.data(), n_columns, at, n, out)
        else:
            self.store.update_rows(whose, cells.data(), n_columns, at, n, out)

    def _read_rows(self, list rows, bint is_peek=False):
        """Rows as `update` takes them, as `_update_rows` takes them: (keys, codes, columns, times)."""
        cdef vector[double] cells
        cdef int64_t time = 0
        cdef Py_ssize_t i, j, n = len(rows)
        cells.resize(<size_t>self.plan.n_columns)
        block = np.empty((self.plan.n_columns, n))
        cdef double* into = <double*>cnp.PyArray_DATA(<cnp.ndarray>block)
        times = np.empty(n, np.int64) if self.time >= 0 else None
        codes = np.empty(n, np.int64)
        cdef dict numbered = {}
        for i in range(n):
            key = self._read(rows[i], cells.data(), &time, is_peek)
            (_room(codes))[i] = -1 if key is ABSENT else numbered.setdefault(key, len(numbered))
            if self.time >= 0:
                (_room(times))[i] = time
            for j in range(self.plan.n_columns):
                into[j * n + i] = cells[j]
        return list(numbered), codes, list(block), times

    def _update_series(self, list keys, list columns, times, order, bounds, int n_threads):
        """Take a history: ``keys`` of entities that are all new, their rows in ``order`` between ``bounds``."""
        cdef vector[const double*] cells
        cdef Py_ssize_t n = len(columns[0]) if columns else len(times)
        cdef int64_t first, n_series = len(bounds) - 1, n_taken = n if order is None else len(order)
        if len(columns) != self.plan.n_columns or len(keys) != n_series:
            raise ValueError(f"expected {self.plan.n_columns} columns and {n_series} keys")
        for column in columns:
            cells.push_back(_cells(column, n))
        cdef const int64_t* at = _whole(times, n)
        if (at == NULL) != (self.time < 0):
            raise ValueError("expected times" if self.time >= 0 else "expected no times")
        cdef const int64_t* rows = _whole(order, -1)
        cdef const int64_t* begins = _whole(bounds, -1)
        _check_bounds(begins, n_series, n_taken)
        if rows != NULL:
            _check_order(rows, n_taken, n)
        cdef bint is_done
        self._lock()
        try:
            if self.keys:
                first = self.store.size()
                self._numbers_of(keys)
                if self.store.size() != first + n_series:
                    self._forget(first)
                    raise ValueError("expected keys that are all new")
            elif n_series == 1:
                first = 0
            else:
                raise ValueError("expected one series")
            with nogil:
                is_done = self.store.update_series(
                    first, cells.data(), self.plan.n_columns, at, rows, begins, n_series, n_threads
                )
            if not is_done:
                self._forget(first)
                if not self.keys:
                    self._add(None)
                raise MemoryError
        finally:
            self.mutex.unlock()

    cdef _numbers_of(self, list keys):
        """The numbers of entities, new ones among them made."""
        numbers = np.empty(len(keys), np.int64)
        cdef int64_t* out = _room(numbers)
        cdef int64_t entity
        cdef Py_ssize_t i
        for i in range(len(keys)):
            entity = self._number(keys[i])
            out[i] = self._add(keys[i]) if entity < 0 else entity
        return numbers

    cdef int64_t _add(self, key) except -1:
        """A new entity's number."""
        cdef int64_t entity = self.store.size()
        self.store.add()
        self.numbers[key] = entity
        return entity

    cdef _forget(self, int64_t n):
        """The entities from the n-th on."""
        self.store.shrink_to(n)
        while <int64_t>len(self.numbers) > n:
            self.numbers.popitem()

    # ---- about entities

    def _keys_of(self):
        """The entities' keys, as they appeared."""
        self._lock()
        try:
            return list(self.numbers)
        finally:
            self.mutex.unlock()

    def _key_of(self, told):
        """A key as a user tells it, as it is kept here; a tuple for several columns."""
        if not self.keys:
            return told
        parts = (told,) if len(self.keys) == 1 else told
        if not isinstance(parts, tuple) or len(parts) != len(self.keys):
            raise InputError(f"expected a tuple of {len(self.keys)} keys, got {told!r}")
        made = tuple([_key(part, kind, self.columns[place]) for part, kind, place in zip(parts, self.kinds, self.keys)])
        return made[0] if len(made) == 1 else made

    def _is_full(self, key):
        """Of each output, whether it is full for this entity; None for an entity without rows."""
        self._lock()
        try:
            entity = self._number(key)
            if entity < 0:
                return None
            out = np.empty(self.n_outputs, np.bool_)
            self.store.ready(entity, <uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>out))
            return out
        finally:
            self.mutex.unlock()

    @property
    def nbytes(self):
        """Bytes of the states of all entities; the keys in Python are beside them."""
        self._lock()
        try:
            return self.store.memory()
        finally:
            self.mutex.unlock()

    def _save(self):
        """(keys, all states as bytes)."""
        self._lock()
        try:
            blob = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>self.store.bytes())
            self.store.save(<char*>PyBytes_AS_STRING(blob))
            return list(self.numbers), blob
        finally:
            self.mutex.unlock()

    def _load(self, list keys, blob not None):
        """What `_save` gave, into a store without rows; ValueError where it is not of such a store."""
        cdef const unsigned char[::1] cells = blob
        cdef const char* begin = <const char*>&cells[0] if len(cells) else NULL
        self._lock()
        try:
            self.store.shrink_to(0)
            self.numbers = {key: number for number, key in enumerate(keys)}
            if len(self.numbers) != len(keys) or not self.store.load(begin, <size_t>len(cells), <int64_t>len(keys)):
                self._forget(0)
                raise ValueError("these are not the states of such features")
        finally:
            self.mutex.unlock()


cdef object ABSENT = object()  # the key of a row that has none


cdef _floats(cnp.npy_intp n):
    return cnp.PyArray_EMPTY(1, &n, cnp.NPY_DOUBLE, 0)


cdef double _double(cell, name) except? -1.0:
    if cell is None:
        return missing()
    if PyFloat_Check(cell):
        return PyFloat_AS_DOUBLE(cell)
    try:
        if PyLong_Check(cell):
            return cell
        if isinstance(cell, np.generic) and cell.dtype.kind in "biuf" and cell.dtype.itemsize <= 8:
            return float(cell)
    except OverflowError as error:
        raise InputError(f"column {name!r}: {error}") from error
    if type(cell).__name__ == "NAType":
        return missing()
    raise InputError(f"column {name!r}: expected a number, got {cell!r} ({type(cell).__qualname__})")


cdef _key(cell, int kind, name):
    if kind == TEXT:
        if PyUnicode_CheckExact(cell):
            return cell
        if isinstance(cell, str):
            return str(cell)
    elif kind == NUMBER:
        if PyLong_CheckExact(cell):
            return cell
        if isinstance(cell, np.generic) and cell.dtype.kind in "biuf" and cell.dtype.itemsize <= 8:
            cell = cell.item()
        if PyFloat_Check(cell):
            return ABSENT if cell != cell else float(cell)
        if PyLong_Check(cell):
            return int(cell)
    elif cell is not None and type(cell).__name__ != "NAType":
        time = _nanoseconds(cell, kind, name)
        return ABSENT if time == NAT else time
    if cell is None or type(cell).__name__ in ("NAType", "NaTType") or (PyFloat_Check(cell) and cell != cell):
        return ABSENT
    raise InputError(f"column {name!r}: expected {_SAID[kind]}, got {cell!r} ({type(cell).__qualname__})")


cdef int64_t _nanoseconds(cell, int kind, name) except? -1:
    """A time as it is kept: in nanoseconds since 1970, or a plain whole number; NAT for none."""
    cdef int64_t year, days, at
    cdef cnp.PyDatetimeScalarObject* scalar
    cdef bint is_datetime = PyDateTime_Check(cell)
    if kind == NUMBER:
        if isinstance(cell, np.integer):
            cell = int(cell)
        if PyLong_Check(cell) and not PyBool_Check(cell):
            try:
                return cell
            except OverflowError as error:
                raise InputError(f"column {name!r}: {error}") from error
        raise InputError(f"column {name!r}: expected a whole number, got {cell!r} ({type(cell).__qualname__})")
    if not is_datetime and not PyDate_Check(cell):
        if cnp.is_datetime64_object(cell):
            if kind == ZONED_TIME:
                raise _other_zone(cell, kind, name)
            scalar = <cnp.PyDatetimeScalarObject*>cell
            if scalar.obval == NAT:
                return NAT
            per = PER_UNIT.get(scalar.obmeta.base) if scalar.obmeta.num == 1 else None
            return _in_range(scalar.obval * per, cell, name) if per else _of_other_unit(cell, name)
        if cell is None or type(cell).__name__ == "NAType":
            return NAT
        raise InputError(f"column {name!r}: expected a date or datetime, got {cell!r} ({type(cell).__qualname__})")
    if is_datetime and not PyDateTime_CheckExact(cell) and type(cell).__name__ == "NaTType":
        return NAT
    zone = datetime_tzinfo(cell) if is_datetime else None
    if (zone is not None) != (kind == ZONED_TIME):
        raise _other_zone(cell, kind, name)
    year = PyDateTime_GET_YEAR(cell)
    if not 1678 <= year <= 2261:
        raise InputError(f"column {name!r}: {cell} is beyond the years 1678 to 2261")
    # days since 1970 of the proleptic Gregorian calendar: Howard Hinnant, chrono-compatible low-level date algorithms
    year -= PyDateTime_GET_MONTH(cell) <= 2
    days = (153 * ((PyDateTime_GET_MONTH(cell) + 9) % 12) + 2) // 5 + PyDateTime_GET_DAY(cell) - 1
    days += year * 365 + year // 4 - year // 100 + year // 400 - 719468
    at = days * 86_400
    if not is_datetime:
        return at * 1_000_000_000
    at += (PyDateTime_DATE_GET_HOUR(cell) * 60 + PyDateTime_DATE_GET_MINUTE(cell)) * 60
    at += PyDateTime_DATE_GET_SECOND(cell)
    at = at * 1_000_000_000 + PyDateTime_DATE_GET_MICROSECOND(cell) * 1000
    if not PyDateTime_CheckExact(cell):
        at += getattr(cell, "nanosecond", 0)  # a pandas Timestamp's
    if zone is not None:
        offset = cell.utcoffset()
        at -= ((offset.days * 86_400 + offset.seconds) * 1_000_000 + offset.microseconds) * 1000
    return at


cdef int64_t _in_range(whole, cell, name) except? -1:
    if not -2**63 < whole < 2**63:
        raise InputError(f"column {name!r}: {cell} is beyond the years 1678 to 2261")
    return whole


cdef int64_t _of_other_unit(cell, name) except? -1:
    """As `_numpy_nanoseconds` of features/column.py."""
    finer = np.datetime_data(cell.dtype)[0] in ("ps", "fs", "as")
    try:
        time = cell.astype("M8[ns]")
        if finer or time.astype(cell.dtype) == cell:
            return time.astype(np.int64)
    except OverflowError:  # of NumPy from 2.5 on; before, it wraps around
        pass
    return _in_range(2**63, cell, name)


cdef _other_zone(cell, int kind, name):
    return InputError(f"column {name!r}: expected {_SAID[kind]}, got {cell!r}")
