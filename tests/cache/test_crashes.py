"""Whatever happens to a process, what it saved before is whole, and views are what they were until the very end."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import perfcore
from perfcore import FeatureCache
from perfcore._ext.cache import POLICIES

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them")


def process(script, *arguments, **options):
    """One that runs the script with this perfcore."""
    path = os.pathsep.join([str(Path(perfcore.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-X", "faulthandler", "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}, **options
    )


SAVES = """
import sys, numpy as np
from perfcore import FeatureCache
cache = FeatureCache(20_000, 64)
for n in range(1, 10**6):
    cache.put_many(range(20_000), np.full((20_000, 64), n, np.float32))
    cache.save(sys.argv[1], compression=sys.argv[2] or None)
    print(n, flush=True)
"""


@pytest.mark.parametrize(
    ("n_kills", "compression"),
    [(2, ""), pytest.param(60, "", marks=pytest.mark.long), pytest.param(60, "lz4", marks=pytest.mark.long)],
)
def test_who_is_killed_while_saving_leaves_the_old_file_or_the_new_one(n_kills, compression, tmp_path):
    path, delays = tmp_path / "rows.arrow", random.Random(0)
    for _ in range(n_kills):
        saving = process(SAVES, path, compression)
        assert saving.stdout.readline() == "1\n"
        time.sleep(delays.uniform(0, 0.2))
        saving.send_signal(signal.SIGKILL)
        last = max(map(int, ["1", *saving.communicate(timeout=60)[0].split()]))
        rows, hit = FeatureCache.open(path, strict=True).get_many(range(20_000))
        assert hit.all() and (rows == rows[0, 0]).all() and rows[0, 0] in (last, last + 1)


FILLS_THE_DISK = """
import errno, resource, sys, numpy as np
from perfcore import FeatureCache
cache = FeatureCache(20_000, 64)
cache.put_many(range(20_000), np.ones((20_000, 64), np.float32))
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
try:
    cache.save(sys.argv[1])
except OSError as error:
    print(errno.errorcode[error.errno])
assert cache.contains_many(range(20_000)).all()
cache.clear()
cache.save(sys.argv[1] + ".small")
"""


def test_a_full_disk_is_told_and_changes_nothing(tmp_path):
    path = tmp_path / "rows.arrow"
    cache = FeatureCache(10, 4)
    cache.put_many([1, 2], np.ones((2, 4), np.float32))
    cache.save(path)
    before = path.read_bytes()
    saving = process(FILLS_THE_DISK, path)
    assert saving.communicate(timeout=60)[0] == "EFBIG\n" and saving.returncode == 0
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.arrow", "rows.arrow.small"]


VIEWS = """
import atexit, gc, os, sys, threading, numpy as np
from perfcore import FeatureCache

def row(key): return (np.arange(64) + 1000 * key).astype(np.float32)

cache = FeatureCache(1000, 64, policy=sys.argv[1])
cache.put_many(range(1000), np.stack([row(key) for key in range(1000)]))
cache.save(sys.argv[2])
mapped = FeatureCache.open(sys.argv[2])
views = {key: cache.view(key) for key in range(50)} | {key: mapped.view(key) for key in range(50, 100)}
os.unlink(sys.argv[2])

def check(when):
    assert all((view == row(key)).all() for key, view in views.items()), when

class Last:  # goes while the interpreter is being taken down
    def __init__(self, view, key): self.view, self.bytes, self.write = view, row(key).tobytes(), os.write
    def __del__(self): self.write(1, b"whole\\n" if self.view.tobytes() == self.bytes else b"torn\\n")

sys.last = Last(views[7], 7)
cache.last = Last(cache.view(8), 8)
cache.self = cache  # goes by the collector alone
for each in (cache, mapped):
    each.put_many(range(2000, 4000), np.zeros((2000, 64), np.float32))
    each.put_many(range(100), np.zeros((100, 64), np.float32))
check("evicted")
cache.resize(10); mapped.resize(5000)
check("resized")
mapped.clear(); cache.clear()
check("cleared")
mapped.close(); del mapped; gc.collect()
check("closed")
atexit.register(check, "at exit")
threading.Thread(target=lambda: [cache.get_many(range(1000)) for _ in range(20)]).start()
print("done", flush=True)
"""


@pytest.mark.parametrize(
    "policy", ["clock", *(pytest.param(name, marks=pytest.mark.long) for name in POLICIES if name != "clock")]
)
def test_views_are_whole_until_the_interpreter_is_gone(policy, tmp_path):
    using = process(VIEWS, policy, tmp_path / "rows.arrow", stderr=subprocess.PIPE)
    out, errors = using.communicate(timeout=60)
    assert (out, errors, using.returncode) == ("done\nwhole\nwhole\n", "", 0)
