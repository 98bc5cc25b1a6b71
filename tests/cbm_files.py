"""Small ``.cbm`` files written by hand: what CatBoost's own hold beside is notes on training, many times their size."""

from __future__ import annotations

import struct

import numpy as np

from perfcore.readers.catboost_ctr import BUCKET, MATCHES, SPLITS


def cbm(model, notes: dict[str, str], shares_vectors: bool = False, **arrays) -> bytes:
    """A file of a `perfcore.readers.catboost_cbm.CbmModel`; ``arrays`` stand in for its own."""
    held = vars(model) | arrays
    out = _Backwards(shares_vectors)
    features = [
        out.table(
            {0: ("B", 1), 1: ("i", f.index), 2: ("i", f.column), 3: out.vector(f.borders), 5: ("b", 2 * f.nan_is_above)}
        )
        for j, f in enumerate(held["features"])
    ]
    held_categories = held["categories"]
    categories = [
        out.table({0: ("i", f.index), 1: ("i", f.column), 2: out.text(f.name), 3: ("B", f.is_used)})
        for f in held_categories.features
    ]
    one_hots = [out.table({0: ("i", o.category), 1: out.vector(o.values)}) for o in held_categories.one_hots]
    counters = [out.table({0: _counter(out, c), 1: out.vector(c.borders)}) for c in held_categories.counters]
    slots = {1: "splits", 2: "sizes", 3: "starts", 8: "leaves", 10: "steps", 11: "leaf_of_step", 16: "bias"}
    fields = {slot: out.vector(held[name]) for slot, name in slots.items()}
    fields |= {4: out.offsets(categories), 6: out.offsets(one_hots), 7: out.offsets(counters)}
    trees = {0: ("i", held["dimension"]), 5: out.offsets(features), 14: ("d", held["scale"]), **fields}
    parts = {3: out.offsets([out.text("static_provider_v1")])} if held_categories.tables else {}
    pairs = [out.table({0: out.text(key), 1: out.text(value)}) for key, value in notes.items()]
    core = out.table({0: out.text("FlabuffersModel_v1"), 1: out.table(trees), 2: out.offsets(pairs), **parts})
    return b"CBM1" + out.ended(core) + _tables(held_categories.tables)


def _counter(out: _Backwards, counter) -> int:
    prior, denominator = counter.prior
    numbers = {1: ("i", counter.target_border), 2: ("f", prior), 3: ("f", denominator)}
    return out.table({0: _base(out, counter.base), **numbers, 4: ("f", counter.shift), 5: ("f", counter.scale)})


def _base(out: _Backwards, base) -> int:
    kinds = (base.projection.categories, "<i4"), (base.projection.splits, SPLITS), (base.projection.matches, MATCHES)
    projection = out.table({i: out.vector(np.frombuffer(data, kind)) for i, (data, kind) in enumerate(kinds)})
    return out.table({0: projection, 1: ("b", base.kind), 2: ("i", base.classifier)})


def _tables(tables) -> bytes:
    if not tables:
        return b""
    data = struct.pack("<I", len(tables))
    for base, counts in tables.items():
        out = _Backwards(False)
        buckets = np.empty(len(counts.keys), BUCKET)
        buckets["key"], buckets["place"] = counts.keys, counts.places
        numbers = {3: ("i", counts.denominator), 4: ("i", counts.n_classes)}
        vectors = {1: out.vector(buckets.view(np.uint8)), 2: out.vector(counts.blob)}
        data += out.ended(out.table({0: _base(out, base), **vectors, **numbers}))
    return data


class _Backwards:
    """FlatBuffers are written from the end on; a place is how far from the end something begins."""

    def __init__(self, shares_vectors: bool) -> None:
        self.data, self.shares, self.vectors = bytearray(), shares_vectors, {}

    def ended(self, root: int) -> bytes:
        """A length, and as many bytes."""
        self.put(struct.pack("<I", len(self.data) + 4 - root))
        return struct.pack("<I", len(self.data)) + bytes(self.data)

    def put(self, data: bytes, aligned: int = 4) -> int:
        self.data[:0] = data + bytes(-(len(self.data) + len(data)) % aligned)
        return len(self.data)

    def vector(self, array: np.ndarray) -> int:
        data = np.ascontiguousarray(array).tobytes()
        if not self.shares or data not in self.vectors:
            padding = bytes(-(len(self.data) + len(data)) % 8)
            self.vectors[data] = self.put(struct.pack("<I", len(array)) + data + padding)
        return self.vectors[data]

    def text(self, text: str) -> int:
        return self.put(struct.pack("<I", len(text.encode())) + text.encode() + b"\0")

    def offsets(self, places: list[int]) -> int:
        for place in reversed(places):
            self.put(struct.pack("<I", len(self.data) + 4 - place))
        return self.put(struct.pack("<I", len(places)))

    def table(self, fields: dict[int, int | tuple[str, float]]) -> int:
        """Field by its slot: the place of what it leads to, or a form of `struct` and a number."""
        body, at = bytearray(4), {}
        for slot, field in fields.items():
            form = "I" if isinstance(field, int) else field[0]
            body += bytes(-len(body) % struct.calcsize("<" + form))
            at[slot] = len(body)
            body += struct.pack("<" + form, 0 if isinstance(field, int) else field[1])
        body += bytes(-(len(self.data) + len(body)) % 8)
        place = len(self.data) + len(body)
        for slot, field in fields.items():
            if isinstance(field, int):
                struct.pack_into("<I", body, at[slot], place - at[slot] - field)
        offsets = [at.get(slot, 0) for slot in range(max(at) + 1)]
        vtable = struct.pack(f"<{len(offsets) + 2}H", 4 + 2 * len(offsets), len(body), *offsets)
        vtable += bytes(-len(vtable) % 4)
        struct.pack_into("<i", body, 0, len(vtable))
        self.put(bytes(body))
        self.put(vtable)
        return place
