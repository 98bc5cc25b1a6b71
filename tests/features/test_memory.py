"""Streams when there is no memory: a row is taken whole, or nothing has changed."""

import subprocess
import sys

import pytest

# Two windows of time, so that the one has taken the row when the other finds no room; their states grow by doubling.
SCRIPT = """
import resource, sys
import numpy as np
import pandas as pd
from perfcore import features as f

n = 132_000  # the states of windows double at 2**17 rows
random = np.random.default_rng(0)
x, on = random.normal(size=n), np.arange(n).astype("M8[s]")
made = f.RollingFeatures({"x": [f.mean("9000D"), f.sum(3), f.max("9000D"), f.std("9000D")]}, on="t")
frame = pd.DataFrame({"x": x, "t": on})
k = 130_000
state = made.fit(frame[:9]).start(frame[:k])
whole = made.transform(frame).to_numpy()

def used():
    with open("/proc/self/statm") as lines:
        return int(lines.read().split()[0]) * resource.getpagesize()

room = int(sys.argv[2]) << 20
resource.setrlimit(resource.RLIMIT_AS, (used() + room, resource.RLIM_INFINITY))
i, failures = k, 0
while i < n:
    try:
        if sys.argv[1] == "rows":
            told = state.update((x[i], on[i]))[None]
        else:
            told = np.array(state.update_group([(x[j], on[j]) for j in range(i, min(n, i + 64))]))
    except MemoryError:
        failures += 1
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert state.peek((x[i], on[i])).tobytes() == whole[i].tobytes(), "a row that was refused has changed something"
        assert state.copy().snapshot() == state.snapshot()
        continue
    assert told.tobytes() == whole[i : i + len(told)].tobytes(), i
    i += len(told)
print(failures)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
@pytest.mark.parametrize("room", [1, 8, 24])
@pytest.mark.parametrize("by", ["rows", "groups"])
def test_a_row_without_memory_changes_nothing(by, room):
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", SCRIPT, by, str(room)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert room == 24 or int(done.stdout) > 0, "memory was never short"
