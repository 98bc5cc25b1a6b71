"""The guide's cache of features: tables of any shape by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import InputError
from .entries import NamedCache

WORTH = 0.9  # of its bytes: what does not become that small is kept as it is


@dataclass(frozen=True)
class Packed:
    """An array as it is, or its bytes compressed by LZ4."""

    data: Any
    shape: tuple[int, ...]
    dtype: np.dtype
    is_compressed: bool

    @property
    def nbytes(self) -> int:
        return self.data.size if self.is_compressed else self.data.nbytes

    def array(self) -> np.ndarray:
        if not self.is_compressed:
            return self.data
        import pyarrow

        size = int(np.prod(self.shape)) * self.dtype.itemsize
        plain = pyarrow.decompress(self.data, decompressed_size=size, codec="lz4")
        array = np.frombuffer(plain, self.dtype).reshape(self.shape)
        array.setflags(write=False)
        return array


class FeatureCache(NamedCache):
    """Arrays of features by name, over `perfcore.ModelCache`; what comes out has the bits of what went in.

    A copy is kept; what comes out must not be written to.

    Parameters
    ----------
    max_features : arrays that are held at most
    compression : whether arrays are kept compressed, where that takes a tenth off; random doubles never are

    Raises
    ------
    InputError
        By `put_features`, for what is no array of numbers.
    """

    SIZE = "max_features"
    max_features = NamedCache.max_size
    last_access = NamedCache.times
    put_features = NamedCache.put
    get_features = NamedCache.get

    def __init__(self, max_features: int = 10000, compression: bool = True):
        super().__init__(max_features, attrgetter("nbytes"))
        self.compression = compression

    def get_cache_key(self, data_hash: str, config: dict[str, Any]) -> str:
        """A name for features of this data by this configuration: the same in each process, whatever the order.

        Raises
        ------
        InputError
            For objects in the configuration that do not tell what they hold.
        """
        text = json.dumps(_plain([data_hash, config]), ensure_ascii=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    _evict_least_used = NamedCache.evict

    def repack(self) -> int:
        """Compress what is held as it came; bytes saved."""
        before = self.nbytes
        with self.lock:
            for name in self.names():
                packed = self.store[name]
                if not packed.is_compressed and (smaller := _compressed(packed.data)) is not None:
                    self.store[name] = smaller
        return before - self.nbytes

    def get_stats(self) -> dict[str, Any]:
        return super().get_stats() | {
            "total_accesses": self.hit_count + self.miss_count,
            "compression_enabled": self.compression,
            "estimated_memory_mb": self.nbytes / 2**20,
        }

    def _out(self, stored: Packed) -> np.ndarray:
        return stored.array()

    def _into(self, value: Any) -> Packed:
        try:
            array = np.array(value, order="C", copy=True)
        except ValueError as error:  # rows of several lengths
            raise InputError(f"features must be an array of numbers, times or texts: {error}") from error
        if array.dtype.kind not in "biufcMmSU":
            raise InputError(f"features must be an array of numbers, times or texts; got dtype {array.dtype}")
        if isinstance(value, np.ma.MaskedArray):
            raise InputError("features must be an array of numbers, times or texts; got one with a mask: fill it")
        array.setflags(write=False)
        packed = _compressed(array) if self.compression else None
        return packed or Packed(array, array.shape, array.dtype, False)


def _plain(each: Any) -> Any:
    """What JSON writes differently for what is different: texts of arrays leave out their middle."""
    if isinstance(each, dict):
        pairs = [[_plain(key), _plain(value)] for key, value in each.items()]
        return {"dict": sorted(pairs, key=lambda pair: json.dumps(pair[0]))}
    if isinstance(each, list | tuple):
        return [_plain(one) for one in each]
    if isinstance(each, set | frozenset):
        return {"set": sorted((_plain(one) for one in each), key=json.dumps)}
    if each is None or type(each) in (str, int, float, bool):
        return each
    if hasattr(each, "__array__"):
        array, names = np.asarray(each), [_plain(name) for name in getattr(each, "columns", ())]
        if array.dtype.hasobject:
            return {"array": [names, array.shape, [_plain(one) for one in array.ravel().tolist()]]}
        return {"array": [names, array.dtype.str, array.shape, hashlib.blake2b(array.tobytes()).hexdigest()]}
    text = repr(each)  # which may leave out what there is, or say where it lies in memory, as another one may soon
    if "..." in text or " at 0x" in text or (text.startswith("<") and not isinstance(each, type | Enum)):
        raise InputError(
            "config: allowed are numbers, texts, lists, dicts, sets, arrays and objects whose repr() tells what they "
            f"hold; got a {type(each).__qualname__}"
        )
    return {type(each).__qualname__: text}


def _compressed(array: np.ndarray) -> Packed | None:
    """None where it is not worth it; a sample says so sooner."""
    import pyarrow

    sample = array.reshape(-1)[: 1 << 13].tobytes()
    if not sample or len(pyarrow.compress(sample, codec="lz4", asbytes=True)) > WORTH * len(sample):
        return None
    data = pyarrow.compress(array.tobytes(), codec="lz4")
    return Packed(data, array.shape, array.dtype, True) if data.size <= WORTH * array.nbytes else None
