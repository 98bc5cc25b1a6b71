"""perfcore's cache, a policy each."""

from __future__ import annotations

import numpy as np

import perfcore

from .baselines import Contender
from .scenarios import POLICIES


class Perfcore(Contender):
    version = f"perfcore {perfcore.__version__}"
    call = "get_many(keys, out), put_many(keys, rows), get(key, out)"
    policy = POLICIES[0]

    def __init__(self, capacity: int, width: int, max_pinned: float = 0.1):
        self.cache = perfcore.FeatureCache(capacity, width, policy=self.policy, max_pinned=max_pinned)

    def hand(self, keys: np.ndarray) -> np.ndarray:
        return keys

    def put_many(self, keys: np.ndarray, rows: np.ndarray) -> None:
        self.cache.put_many(keys, rows)

    def get_many(self, keys: np.ndarray, out: np.ndarray) -> None:
        self.cache.get_many(keys, out)

    def hand_each(self, keys: np.ndarray) -> list[int]:
        return keys.tolist()

    def get_each(self, keys: list[int], row: np.ndarray) -> None:
        get = self.cache.get
        for key in keys:
            get(key, row)

    def close(self) -> None:
        self.cache.close()


def of_policy(policy: str) -> type[Perfcore]:
    return type(f"Perfcore_{policy}", (Perfcore,), {"policy": policy})
