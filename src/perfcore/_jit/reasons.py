"""Why Numba could not compile a function: of its pages of text the line that helps, and the place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

_FRAME = re.compile(r'(?:File "|\bat |Raised from )(?P<file>[^"\n]*?)(?:", line |\s\()(?P<line>\d+)')
_NOISE = ("Failed in", "During:", "raised from", "Raised from", "File ", "- Of which", "There are", "Overload", ">>>")
_SPECIFIC = re.compile(r"^\s*\w*Error: (?!Failed in)(?P<text>.+)$", re.M)


def reason(function: Callable, error: Exception) -> str:
    """One line: the function, its file and line where they are known, and the reason."""
    code = function.__code__
    text = str(error)
    place = f"{os.path.basename(code.co_filename)}:{_line(function, text)}"
    return f"Numba cannot compile {function.__qualname__} ({place}): {_first_useful_line(text)}"


def _first_useful_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith(_NOISE)), "it does not say why")
    if first.startswith("No implementation of function"):
        asked = next((line.removeprefix(">>>").strip() for line in lines if line.startswith(">>>")), "")
        specific = _SPECIFIC.search(text)
        first = f"there is no {asked or first}" + (f": {specific['text']}" if specific else "")
    if "readonly array" in text and "Cannot modify readonly array" in text:
        return "it would change its values, which are not its own: np.sort(x) and x.copy() make values that are"
    first = re.sub(r"\s*Raised from .*$", "", first)
    return first


def _line(function: Callable, text: str) -> int:
    """The function's line that Numba names, or its first."""
    code = function.__code__
    lines = {line for *_, line in code.co_lines() if line is not None}
    for found in _FRAME.finditer(text):
        if os.path.basename(found["file"]) == os.path.basename(code.co_filename) and int(found["line"]) in lines:
            return int(found["line"])
    return code.co_firstlineno
