"""The guide's classes print what they do; a console that cannot show a character gets another in its place."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """`print`, that never raises for want of a character or a console."""
    try:
        print(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding))
    except (OSError, ValueError, AttributeError):  # closed, or none at all
        pass
