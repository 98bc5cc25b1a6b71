"""Opening: a `FeatureCache` over the file that another wrote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import CacheFormatError, ConfigurationError
from . import dates, persistence
from .dictionaries import Dictionaries
from .keys import as_keys
from .row_type import RowType

if TYPE_CHECKING:
    import pyarrow as pa

    from .feature_cache import FeatureCache

_ROWS, _ROOM = ("width", "dtype", "schema"), ("capacity", "max_bytes")


def of_file(kind: type[FeatureCache], file: BinaryIO, mode: str, settings: dict[str, Any]) -> FeatureCache:
    """Settings that are not given are the file's; one of capacity and max_bytes stands for both."""
    batch, contents, row, at = persistence.read(file)
    row.dictionaries.add(_dictionaries_asked(contents.layout, settings))
    its = RowType.from_fingerprint(contents.layout) | {name: getattr(contents, name) for name in persistence.SETTINGS}
    try:
        kind(**its)
    except ConfigurationError as error:
        raise CacheFormatError(f"of a cache that cannot be: {error}") from error
    has_room = any(name in settings for name in _ROOM)
    max_pinned = None if "max_pinned" in settings else its.pop("max_pinned")
    its = {name: value for name, value in its.items() if not (has_room and name in _ROOM)}
    cache = kind(**(its | {name: value for name, value in settings.items() if name not in _ROWS}))
    if max_pinned is not None:
        cache._holder.max_pinned = max_pinned  # of fewer rows, it may be more than there are
    if not has_room:
        persistence.require_memory(cache._holder.n_bytes)
    cache._row, cache._is_writeable = row, mode == "r+"
    if batch.num_rows:
        _fill(cache, file, batch, at)
    return cache


def _dictionaries_asked(layout: str, settings: dict[str, Any]) -> Dictionaries:
    asked: dict[str, Any] = {name: settings[name] for name in _ROWS if name in settings}
    if not asked:
        return Dictionaries({})
    row = RowType.of(**(asked if "schema" in asked else RowType.from_fingerprint(layout) | asked))
    if row.fingerprint != layout:
        raise CacheFormatError(f"rows of {layout}, asked for {row}")
    return row.dictionaries


def _fill(cache: FeatureCache, file: BinaryIO, batch: pa.RecordBatch, at: int | None) -> None:
    keys, its_dates, now = as_keys(batch.column("key")), persistence.dates_of(batch), cache._now()
    holder = cache._holder
    if its_dates is not None:
        holder.expect_dates()
        its_dates = dates.shifted(its_dates, -dates.to_wall_clock(now))
    elif holder.has_dates:
        its_dates = dates.since(now, cache._untils(keys.n, now), keys.n)
    if at is not None and keys.n <= holder.capacity and os.name == "posix":
        native = holder.make(keys.kind, (file.fileno(), at, cache._is_writeable, keys.native, its_dates))
    else:
        rows = np.frombuffer(batch.column("row").buffers()[-1], np.uint8)
        versions, untils = (None, None) if its_dates is None else np.ascontiguousarray(its_dates.T)[:2]
        native = holder.make(keys.kind)
        native.put(keys.native, rows, versions, untils, now)
    if keys.n <= holder.capacity and len(native) != keys.n:
        raise CacheFormatError(f"{keys.n} keys, of which some come twice")
