"""python -m support, with tests/ on the path: write docs/support.md anew."""

from .page import PAGE, text

PAGE.write_text(text(), encoding="utf-8")
