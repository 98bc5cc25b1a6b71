"""What is measured. An id is permanent: a scenario that must change gets a new one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

CACHES = ("cachetools", "cachebox", "lru-dict", "theine", "diskcache", "redis")
POLICIES = ("clock", "s3fifo", "lfu", "adaptive", "lru_exact")  # of FeatureCache, its default first
BASELINES = ("dict of arrays", "dict of arrays, concatenated", "dict of bytes, joined", "dict and take", "take")
REFERENCE, OWN = "dict of arrays", "perfcore"
WIDTH = 100  # float32
ALONE = ", nothing held"
ONE_THREAD = ", one thread"


@dataclass(frozen=True)
class Scenario:
    """Random keys of 64 bits, rows of 100 float32, so many keys a call; one thread, unless said."""

    what: str
    does: str  # what a worker does: a method of its `Job`
    here: tuple[str, ...] = ()  # who is asked in perfcore's own process, besides perfcore
    caches: tuple[str, ...] = ()  # who is asked in a process of its own
    targets: dict[str, float] = field(default_factory=dict)  # perfcore is to be so many times as good as that one
    most: float | None = None  # and takes so much itself at most
    unit: str = "key"  # nanoseconds a key; or "bytes" a row beside the payload
    rows: int = 200_000
    batch: int = 256
    keys: int = 100_000  # of a round

    def tiny(self) -> Scenario:
        return replace(self, rows=2_000, batch=64, keys=1_024)


def _policies(ending: str = "") -> tuple[str, ...]:
    return tuple(f"{OWN} {policy}{ending}" for policy in POLICIES[1:])


SCENARIOS = {
    "cache-get-many": Scenario(
        "get_many of 256 keys, all there", "get_many",
        (*BASELINES, *_policies()), CACHES,
        {"caches": 8, "dict of arrays": 8, "dict and take": 2.5, "take": 0.4},
    ),
    "cache-put-many": Scenario(
        "put_many of 256 new keys, until it is full", "put_many", ("dict of arrays",), CACHES, {"caches": 4},
        keys=200_000,
    ),
    "cache-evict": Scenario(
        "put_many of 256 new keys, each in the place of another", "evict", ("dict of arrays", *_policies()), CACHES
    ),
    "cache-get-one": Scenario(
        "get of one key into a row at hand", "get_one", ("dict of arrays", *_policies()), CACHES,
        {"dict of arrays": 1 / 1.5}, keys=20_000,
    ),
    "cache-space": Scenario(
        "bytes beside a row of 400, 1,000,000 rows", "space", ("dict of arrays",), CACHES, most=48, unit="bytes",
        rows=1_000_000,
    ),
    "cache-threads": Scenario(
        "two threads, of 20 calls 19 get_many and a put_many, a hot key in each", "threads",
        (f"{OWN}{ONE_THREAD}", "take", f"take{ONE_THREAD}"), (), {f"{OWN}{ONE_THREAD}": 1.8},
    ),
    "cache-pinned": Scenario(
        "put_many and get_many in turn, views hold 99 % of the rows", "pinned",
        (f"{OWN}{ALONE}", *_policies(), *_policies(ALONE)), (), {f"{OWN}{ALONE}": 0.5},
    ),
}  # fmt: skip
