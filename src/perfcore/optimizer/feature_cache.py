"""The guide's cache of features: tables of any shape by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .entries import Entries, Times, Values

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


class FeatureCache:
    """Arrays of features by name, over `perfcore.ModelCache`; what comes out has the bits of what went in.

    Parameters
    ----------
    max_features : arrays that are held at most
    compression : whether arrays are kept compressed, where that takes a tenth off; random doubles never are
    """

    def __init__(self, max_features: int = 10000, compression: bool = True):
        self._entries = Entries(max_features, lambda packed: packed.nbytes)
        self.compression = compression
        self.cache = Values(self._entries, out=Packed.array, into=self._packed)
        self.last_access = Times(self._entries)

    @property
    def max_features(self) -> int:
        """May be set: what is too much leaves at once."""
        return self._entries.size

    @max_features.setter
    def max_features(self, size: int) -> None:
        self._entries.size = size

    @property
    def strategy(self) -> str:
        """Which array makes room: "lru", "lfu" or "adaptive"."""
        return self._entries.strategy

    @strategy.setter
    def strategy(self, name: str) -> None:
        self._entries.strategy = name

    @property
    def access_count(self) -> dict[str, int]:
        """How often each was put or asked for."""
        return {name: self._entries.uses(name) for name in self._entries.names()}

    def put_features(self, key: str, features: np.ndarray) -> None:
        """Keep a copy; `InputError` for what is no array of numbers."""
        self._entries.put(key, self._packed(features))

    def get_features(self, key: str) -> np.ndarray | None:
        """The array, which must not be written to, or None; a use of it."""
        packed = self._entries.get(key)
        return None if packed is None else packed.array()

    def get_cache_key(self, data_hash: str, config: dict[str, Any]) -> str:
        """A name for features of this data by this configuration: the same in each process, whatever the order.

        Raises
        ------
        InputError
            For objects in the configuration that do not tell what they hold.
        """
        text = json.dumps(_plain([data_hash, config]), ensure_ascii=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _evict_least_used(self) -> None:
        """Let one leave, by the strategy; nothing where there is none."""
        self._entries.evict()

    def clear(self) -> None:
        self._entries.clear()

    def repack(self) -> int:
        """Compress what is held as it came; bytes saved."""
        before = self._entries.bytes
        with self._entries.lock:
            for name in self._entries.names():
                packed = self._entries.peek(name)
                if not packed.is_compressed and (smaller := _compressed(packed.data)) is not None:
                    self._entries.store[name] = smaller
        return before - self._entries.bytes

    def get_stats(self) -> dict[str, Any]:
        return {
            "size": len(self.cache),
            "max_size": self.max_features,
            "hit_rate": self._entries.hit_rate,
            "hit_count": self._entries.hits,
            "miss_count": self._entries.misses,
            "total_accesses": self._entries.hits + self._entries.misses,
            "compression_enabled": self.compression,
            "estimated_memory_mb": self._entries.bytes / 2**20,
            "strategy": self.strategy,
        }

    def _packed(self, features: Any) -> Packed:
        try:
            array = np.array(features, order="C", copy=True)
        except ValueError as error:  # rows of several lengths
            raise InputError(f"features must be an array of numbers, times or texts: {error}") from error
        if array.dtype.kind not in "biufcMmSU":
            raise InputError(f"features must be an array of numbers, times or texts; got dtype {array.dtype}")
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
        array = np.asarray(each)
        if array.dtype.hasobject:
            return {"array": [array.shape, [_plain(one) for one in array.ravel().tolist()]]}
        return {"array": [array.dtype.str, array.shape, hashlib.blake2b(array.tobytes()).hexdigest()]}
    if " at 0x" in (text := repr(each)):  # its place in memory, where another one may lie soon
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
