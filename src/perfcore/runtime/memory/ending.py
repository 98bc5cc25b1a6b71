"""Calls that are all made, whatever one of them raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def call_all(functions: Iterable[Callable[[], Any]]) -> list[Exception]:
    """Call each; the errors of those that raise. Ctrl-C and the like come through once all were called."""
    errors: list[Exception] = []
    interruption: BaseException | None = None
    for each in functions:
        try:
            each()
        except Exception as error:
            errors.append(error)
        except BaseException as raised:
            interruption = interruption or raised
        del each  # the errors hold this frame
    if interruption is not None:
        raise interruption
    return errors
