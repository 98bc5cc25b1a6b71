"""A predictor that can be held up, and callers in threads, for tests of the batcher."""

import threading
import time

import numpy as np


class Doubling:
    """Answers twice each row's first cell, keeps what it was asked, and can be held up."""

    def __init__(self, seconds=0.0):
        self.seconds, self.tables, self.threads = seconds, [], set()
        self.gate = threading.Event()
        self.gate.set()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def predict(self, X):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.tables.append(X)
        self.threads.add(threading.current_thread())
        self.gate.wait(10)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        return 2 * np.asarray(X)[:, 0]

    @property
    def sizes(self):
        return [len(each) for each in self.tables]


def in_threads(*calls):
    """Start each call in a thread of its own, in order; a function that waits for them and returns the outcomes."""
    outcomes = [None] * len(calls)

    def run(i, call):
        try:
            outcomes[i] = call()
        except BaseException as error:
            outcomes[i] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)

    def finish():
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        return outcomes

    return finish


def wait_until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def held(doubling, batcher, *calls):
    """The first caller holds the predictor up, the others come meanwhile; (first's outcome, the others')."""
    doubling.gate.clear()
    first = in_threads(lambda: batcher.predict([0.0]))
    wait_until(lambda: len(doubling.tables) == 1)
    others = in_threads(*calls)
    wait_until(lambda: batcher.stats()["queued"] == len(calls))
    doubling.gate.set()
    return first()[0], others()
