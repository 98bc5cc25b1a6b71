"""What tests/runtime runs in worker processes, which import it by its name."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np

from perfcore.threads import remembered


def double(x: int) -> int:
    return 2 * x


def total(table: Any) -> float:
    return float(np.asarray(table).sum())


def fail_at_three(x: int) -> int:
    if x == 3:
        raise LookupError("number three")
    return x


def stop_at_three(x: int) -> int:
    return x if x != 3 else next(iter([]))


class Odd(Exception):
    """An error, or a result, that is pickled but cannot be read again."""

    def __init__(self, code: int, place: str):
        super().__init__(f"code {code} at {place}")


def fail_oddly_at_three(x: int) -> int:
    if x == 3:
        raise Odd(7, "the end")
    return x


def odd_at_three(x: int) -> Any:
    """An `Odd` result, made in some time by a process of that number."""
    spin(100_000)
    return Odd(7, "the end") if x == 3 else os.getpid()


def note(path: str, x: int) -> int:
    """Adds a line to a file, and takes a while."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{x}\n")
    time.sleep(0.2)
    return x


def die(x: int) -> int:
    if x == 2:
        os._exit(9)
    return x


def slow(x: int) -> bool:
    time.sleep(0.05)
    return threading.current_thread() is threading.main_thread()


def itself(table: Any) -> Any:
    return table


def lies_in(table: Any) -> str | int:
    """What an array's memory is; of Arrow how many bytes of its own this process has."""
    if isinstance(table, np.ndarray):
        while isinstance(table.base, np.ndarray):
            table = table.base
        return type(table.base).__name__
    import pyarrow

    return pyarrow.total_allocated_bytes() if table.num_rows else -1


def remember(i: int) -> None:
    remembered.remember(f"plan {i}", 10, 1, {1: 1.0})


def write_to(table: np.ndarray) -> float:
    table[0] = 7.0
    return float(table[0])


def slow_first(table: np.ndarray) -> int:
    time.sleep(0.1)
    return int(table[0])


def spin(n: int) -> int:
    """Holds the interpreter; the process that did it."""
    while n:
        n -= 1
    return os.getpid()
