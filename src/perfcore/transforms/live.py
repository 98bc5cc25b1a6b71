"""A step that is run as it is: the scikit-learn object itself, in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import InputError, PerfcoreError
from .block import Block


@dataclass(frozen=True, eq=False)
class Live:
    """Travels in pickles, not in files; ``digest`` stands for the object in fingerprints."""

    HELD: ClassVar[str] = "held"  # see model/codec.py

    name: str  # "encode (FunctionTransformer)"
    why: str  # "": only since other steps run as they are
    digest: str
    held: object

    def __str__(self) -> str:
        return f"{self.name}: {self.why}" if self.why else ""

    def fuse(self, block: Block) -> Block:
        return block.trace.live(block, self._run)

    def _run(self, X: Any) -> Any:
        try:
            return self.held.transform(X)  # type: ignore[attr-defined]
        except PerfcoreError:
            raise
        except Exception as error:  # whatever a user's own step raises
            raise InputError(f"step {self.name}: {type(error).__name__}: {error}") from error
