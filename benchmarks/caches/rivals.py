"""Other caches, each at its best settings, in an environment of its own: nothing here imports perfcore."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from importlib import metadata
from typing import Any

import numpy as np

from .baselines import Contender, Mapping, Unable

REQUIREMENTS = {
    "cachetools": ("cachetools", "numpy=={numpy}"),
    "cachebox": ("cachebox", "numpy=={numpy}"),
    "lru-dict": ("lru-dict", "numpy=={numpy}"),
    "theine": ("theine", "numpy=={numpy}"),
    "diskcache": ("diskcache", "numpy=={numpy}"),
    "redis": ("redis[hiredis]", "numpy=={numpy}"),
}


class Cache(Mapping):
    """A cache whose distribution has the name that it is asked by."""

    def __init__(self, capacity: int, width: int):
        super().__init__(capacity, width)
        name = next(name for name, rival in RIVALS.items() if isinstance(self, rival))
        self.version = f"{name} {metadata.version(name)}"


class Cachetools(Cache):
    def mapping(self, capacity: int) -> Any:
        import cachetools

        return cachetools.LRUCache(capacity)


class Cachebox(Cache):
    def mapping(self, capacity: int) -> Any:
        import cachebox

        return cachebox.LRUCache(capacity, capacity=capacity)  # with room from the start


class LruDict(Cache):
    def mapping(self, capacity: int) -> Any:
        import lru

        return lru.LRU(capacity)


class Theine(Cache):
    call = "out[i] = cache.get(key)[0]; cache.set(key, row.copy()); nolock=True"

    def mapping(self, capacity: int) -> Any:
        import theine

        return theine.Cache(capacity, nolock=True)

    def put_many(self, keys: list[int], rows: np.ndarray) -> None:
        put = self._rows.set
        for key, row in zip(keys, rows, strict=True):
            put(key, row.copy())

    def get_many(self, keys: list[int], out: np.ndarray) -> None:
        get = self._rows.get
        for i, key in enumerate(keys):
            out[i] = get(key)[0]

    def get_each(self, keys: list[int], row: np.ndarray) -> None:
        get = self._rows.get
        for key in keys:
            row[:] = get(key)[0]

    def close(self) -> None:
        self._rows.close()


class Diskcache(Cache):
    call = "bytes, in one transaction a call; eviction_policy='least-recently-stored', disk_min_file_size=2**20"

    def mapping(self, capacity: int) -> Any:
        import diskcache

        self._folder = tempfile.TemporaryDirectory(prefix="diskcache-")
        settings = {"eviction_policy": "least-recently-stored", "disk_min_file_size": 2**20, "size_limit": 2**40}
        return diskcache.Cache(self._folder.name, **settings)

    def put_many(self, keys: list[int], rows: np.ndarray) -> None:
        with self._rows.transact():
            for key, row in zip(keys, rows, strict=True):
                self._rows.set(key, row.tobytes())

    def get_many(self, keys: list[int], out: np.ndarray) -> None:
        cache = self._rows
        with cache.transact():
            for i, key in enumerate(keys):
                out[i] = np.frombuffer(cache[key], np.float32)

    def get_each(self, keys: list[int], row: np.ndarray) -> None:
        cache = self._rows
        for key in keys:
            row[:] = np.frombuffer(cache[key], np.float32)

    def bound(self) -> None:
        raise Unable("its capacity is the bytes of its files")

    def processes(self) -> list[int]:
        raise Unable("its rows lie in files")

    def close(self) -> None:
        self._rows.close()
        self._folder.cleanup()


class Redis(Contender):
    """A server on loopback, which keeps nothing on disk; one MGET or MSET a call."""

    call = "MGET and MSET of bytes over TCP, hiredis; allkeys-lru"

    def __init__(self, capacity: int, width: int):
        server = shutil.which("redis-server")
        if server is None:
            raise Unable("redis-server is not installed")
        import redis

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._server = subprocess.Popen(
            [
                *(server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
                *("--maxmemory-policy", "allkeys-lru"),
            ],
            stdout=subprocess.DEVNULL,
        )
        self._client = redis.Redis(port=port)
        for _ in range(100):
            try:
                self._client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)
        self.version = f"Redis {self._client.info('server')['redis_version']}, redis {metadata.version('redis')}"

    def hand(self, keys: np.ndarray) -> list[bytes]:
        return [key.tobytes() for key in keys]

    def put_many(self, keys: list[bytes], rows: np.ndarray) -> None:
        self._client.mset(dict(zip(keys, [row.tobytes() for row in rows], strict=True)))

    def get_many(self, keys: list[bytes], out: np.ndarray) -> None:
        out.reshape(-1)[:] = np.frombuffer(b"".join(self._client.mget(keys)), np.float32)

    def get_each(self, keys: list[bytes], row: np.ndarray) -> None:
        get = self._client.get
        for key in keys:
            row[:] = np.frombuffer(get(key), np.float32)

    def bound(self) -> None:
        self._client.config_set("maxmemory", self._client.info("memory")["used_memory"])

    def processes(self) -> list[int]:
        return [self._server.pid]

    def close(self) -> None:
        self._client.close()
        self._server.terminate()
        self._server.wait()


RIVALS = {
    "cachetools": Cachetools,
    "cachebox": Cachebox,
    "lru-dict": LruDict,
    "theine": Theine,
    "diskcache": Diskcache,
    "redis": Redis,
}
