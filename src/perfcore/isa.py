"""The instruction set that kernels run on: the best that the machine has, unless ``PERFCORE_ISA`` says otherwise."""

from __future__ import annotations

import os

from ._ext.forest import instruction_sets
from .errors import ConfigurationError


def chosen() -> str:
    """The instruction set for a kernel made now."""
    here = instruction_sets()
    forced = os.environ.get("PERFCORE_ISA")
    if not forced:
        return here[0]
    if forced not in here:
        raise ConfigurationError(f"PERFCORE_ISA={forced!r}: allowed on this machine are {', '.join(here)}")
    return forced
