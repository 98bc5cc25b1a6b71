"""What the tests under processes/ run in other processes; a module of its own, for those import it by its name."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import time
from collections.abc import Iterable

import numpy as np

import perfcore
from perfcore.predictor import Predictor


def digest(answer: np.ndarray) -> str:
    return hashlib.sha256(answer.tobytes()).hexdigest()


def answer(predictor: Predictor, X: np.ndarray) -> str:
    return digest(predictor.predict(X))


def answer_of_file(path: str, X: np.ndarray) -> str:
    return digest(perfcore.load(path, n_threads=4).predict(X))


def leave(predictor: Predictor, X: np.ndarray, expected: str) -> None:
    os._exit(0 if digest(predictor.predict(X, n_threads=2)) == expected else 1)


def answer_when_told(path: str, X: np.ndarray, ready, told, answers) -> None:
    """Opens the file, says so, and answers as soon as it is told."""
    faulthandler.disable()  # the end by a signal that a test expects needs no traceback
    predictor = perfcore.load(path, kernel="walk")
    ready.set()
    told.wait(60)
    answers.put(digest(predictor.predict(X)))


def memory_of(path: str, everyone, reports) -> None:
    """Reports (resident, proportional) kilobytes of the file's mapping while all the others have it, too."""
    predictor = perfcore.load(path, kernel="walk")
    everyone.wait(60)
    report = mapping(path)
    everyone.wait(60)
    reports.put((os.getpid(), *report))
    del predictor


def mapping(path: str) -> tuple[int, int]:
    """Rss and Pss, in kilobytes, of this process's mappings of a file."""
    found, inside = {"Rss:": 0, "Pss:": 0}, False
    with open("/proc/self/smaps", encoding="utf-8") as lines:
        for line in lines:
            key, *rest = line.split()
            if not key.endswith(":"):
                inside = rest[-1:] == [path]
            elif inside and key in found:
                found[key] += int(rest[0])
    return found["Rss:"], found["Pss:"]


def most_threads(while_running: Iterable) -> int:
    """The most threads that this process had, looked at while another of its threads goes through the iterable."""
    import threading

    worker = threading.Thread(target=lambda: [None for _ in while_running])
    worker.start()
    most = 0
    while worker.is_alive():
        most = max(most, len(os.listdir("/proc/self/task")))
        time.sleep(0)
    worker.join()
    return most
