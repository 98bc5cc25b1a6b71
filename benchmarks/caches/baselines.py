"""What one has without a cache: a dict, with the rows in it or their places in a block, and the block alone."""

from __future__ import annotations

import sys
from operator import itemgetter
from typing import Any

import numpy as np


class Unable(Exception):
    """One that cannot be asked here, or not this."""


class Contender:
    """Keeps rows by key. What `hand` makes of keys is made outside of the timing, and handed to all else."""

    version = f"Python {sys.version.partition(' ')[0]}, numpy {np.__version__}"
    call = ""  # how it is asked, in words

    def __init__(self, capacity: int, width: int):
        raise NotImplementedError

    def hand(self, keys: np.ndarray) -> Any:
        return keys.tolist()

    def put_many(self, keys: Any, rows: np.ndarray) -> None:
        raise NotImplementedError

    def get_many(self, keys: Any, out: np.ndarray) -> None:
        raise NotImplementedError

    def hand_each(self, keys: np.ndarray) -> Any:
        """`hand`, for those that are asked for one by one."""
        return self.hand(keys)

    def get_each(self, keys: Any, row: np.ndarray) -> None:
        """One after the other into the same row."""
        raise NotImplementedError

    def bound(self) -> None:
        """Holds no more from now on than it holds; for those that are not told a number of rows."""

    def processes(self) -> list[int]:
        """Other processes whose memory is its own."""
        return []

    def close(self) -> None:
        pass


class Mapping(Contender):
    """Arrays in something that is asked as a dict is; copies, for the caller's block may change."""

    call = "out[i] = cache[key]; cache[key] = row.copy()"

    def __init__(self, capacity: int, width: int):
        self._rows: Any = self.mapping(capacity)

    def mapping(self, capacity: int) -> Any:
        raise NotImplementedError

    def put_many(self, keys: list[int], rows: np.ndarray) -> None:
        mapping = self._rows
        for key, row in zip(keys, rows, strict=True):
            mapping[key] = row.copy()

    def get_many(self, keys: list[int], out: np.ndarray) -> None:
        mapping = self._rows
        for i, key in enumerate(keys):
            out[i] = mapping[key]

    def get_each(self, keys: list[int], row: np.ndarray) -> None:
        mapping = self._rows
        for key in keys:
            row[:] = mapping[key]


class DictOfArrays(Mapping):
    def mapping(self, capacity: int) -> dict:
        return {}


class Concatenated(DictOfArrays):
    call = "numpy.concatenate([d[key] for key in keys], out=)"

    def get_many(self, keys: list[int], out: np.ndarray) -> None:
        mapping = self._rows
        np.concatenate([mapping[key] for key in keys], out=out.reshape(-1))


class DictOfBytes(DictOfArrays):
    call = "numpy.frombuffer(b''.join([d[key] for key in keys])), without out="

    def put_many(self, keys: list[int], rows: np.ndarray) -> None:
        self._rows.update((key, row.tobytes()) for key, row in zip(keys, rows, strict=True))

    def get_many(self, keys: list[int], out: np.ndarray) -> np.ndarray:
        mapping = self._rows
        return np.frombuffer(b"".join([mapping[key] for key in keys]), np.float32).reshape(out.shape)


class DictAndTake(Contender):
    """A dict of row numbers over one block."""

    call = "numpy.take(block, operator.itemgetter(*keys)(d), 0, out=, mode='clip')"

    def __init__(self, capacity: int, width: int):
        self._block, self._numbers = np.empty((capacity, width), np.float32), {}

    def put_many(self, keys: list[int], rows: np.ndarray) -> None:
        n = len(self._numbers)
        self._block[n : n + len(rows)] = rows
        self._numbers.update(zip(keys, range(n, n + len(rows)), strict=True))

    def get_many(self, keys: list[int], out: np.ndarray) -> None:
        np.take(self._block, itemgetter(*keys)(self._numbers), 0, out=out, mode="clip")


class Take(DictAndTake):
    """The rows' numbers are known: how soon memory gives the rows."""

    call = "numpy.take(block, numbers, 0, out=, mode='clip')"

    def hand(self, keys: np.ndarray) -> Any:
        listed = keys.tolist()
        is_there = self._numbers.keys() >= set(listed)
        return np.array([self._numbers[key] for key in listed]) if is_there else listed

    def get_many(self, numbers: np.ndarray, out: np.ndarray) -> None:
        np.take(self._block, numbers, 0, out=out, mode="clip")


BASELINES = {
    "dict of arrays": DictOfArrays,
    "dict of arrays, concatenated": Concatenated,
    "dict of bytes, joined": DictOfBytes,
    "dict and take": DictAndTake,
    "take": Take,
}
