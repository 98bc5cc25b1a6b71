"""The machine that a run was made on: what must be the same for two runs to be put together."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def describe() -> dict[str, str]:
    """What results are to be read with: perfcore's own words, and what tells this machine and build from others."""
    import psutil

    import perfcore
    from perfcore.demo import machine

    extensions = sorted((Path(perfcore.__file__).parent / "_ext").glob("*.so"))
    content = hashlib.blake2b(b"".join(path.read_bytes() for path in extensions), digest_size=8)
    return machine.describe() | {
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "flags": _flags(),
        "perfcore's build": content.hexdigest(),
    }


def _flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    found = (line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features")))
    return " ".join(sorted(next(found, ["unknown"])))
