"""Small ``.cbm`` files written by hand: what CatBoost's own hold beside is notes on training, many times their size."""

from __future__ import annotations

import struct

import numpy as np


def cbm(model, notes: dict[str, str], shares_vectors: bool = False, **arrays) -> bytes:
    """A file of a `perfcore.readers.catboost_cbm.CbmModel`; ``arrays`` stand in for its own."""
    held = vars(model) | arrays
    out = _Backwards(shares_vectors)
    features = [
        out.table(
            {0: ("B", 1), 1: ("i", j), 2: ("i", f.column), 3: out.vector(f.borders), 5: ("b", 2 * f.nan_is_above)}
        )
        for j, f in enumerate(held["features"])
    ]
    slots = {1: "splits", 2: "sizes", 3: "starts", 8: "leaves", 10: "steps", 11: "leaf_of_step", 16: "bias"}
    fields = {slot: out.vector(held[name]) for slot, name in slots.items()}
    trees = {0: ("i", held["dimension"]), 5: out.offsets(features), 14: ("d", held["scale"]), **fields}
    pairs = [out.table({0: out.text(key), 1: out.text(value)}) for key, value in notes.items()]
    core = out.table({0: out.text("FlabuffersModel_v1"), 1: out.table(trees), 2: out.offsets(pairs)})
    out.put(struct.pack("<I", len(out.data) + 4 - core))
    return b"CBM1" + struct.pack("<I", len(out.data)) + bytes(out.data)


class _Backwards:
    """FlatBuffers are written from the end on; a place is how far from the end something begins."""

    def __init__(self, shares_vectors: bool) -> None:
        self.data, self.shares, self.vectors = bytearray(), shares_vectors, {}

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
