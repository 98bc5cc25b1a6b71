"""The drop-in: code written for a framework, its predictions through perfcore.

Two ways in. One import changed, and nothing else anywhere: ``from perfcore.dropin import lightgbm`` (`mirror`). None
changed: `patch` puts perfcore in the way of the frameworks' own methods, `unpatch` takes it out.
"""

from __future__ import annotations

from .patching import patch, patched, unpatch
from .report import patch_report

__all__ = ["patch", "patch_report", "patched", "unpatch"]
