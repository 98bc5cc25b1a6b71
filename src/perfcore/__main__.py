"""``python -m perfcore``: demo, inspect."""

from __future__ import annotations

import argparse
import sys

from . import __version__
from .errors import PerfcoreError


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the command line; returns the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    try:
        return chosen.command(chosen)
    except (PerfcoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m perfcore", description="The model you already trained: the same bits, many times faster."
    )
    parser.add_argument("--version", action="version", version=f"perfcore {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands")
    demo = commands.add_parser(
        "demo",
        help="train, compile, prove and time models of three frameworks",
        description="Trains models of LightGBM, XGBoost and scikit-learn, on scikit-learn's bundled sets or on a file "
        "of yours; compiles them, proves that their answers keep every bit, times both, and draws a page.",
    )
    demo.add_argument("--data", metavar="FILE", help="a CSV or Parquet file")
    demo.add_argument("--target", metavar="COLUMN", help="its column to predict")
    demo.add_argument("--out", metavar="PAGE", default="perfcore_demo.html", help="the page (default: %(default)s)")
    demo.set_defaults(command=_demo)
    inspect = commands.add_parser("inspect", help="say what a model file becomes: trees, leaves, kernel, bytes")
    inspect.add_argument("model", help="a .pcore file, a LightGBM text or an XGBoost JSON or UBJSON file")
    inspect.set_defaults(command=_inspect)
    return parser


def _demo(chosen: argparse.Namespace) -> int:
    from .demo import run

    return 0 if run(chosen.data, chosen.target, chosen.out) else 1


def _inspect(chosen: argparse.Namespace) -> int:
    from .model.file import MAGIC
    from .predictor import compile, load

    with open(chosen.model, "rb") as file:
        is_saved = file.read(len(MAGIC)) == MAGIC
    print(load(chosen.model) if is_saved else compile(chosen.model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
