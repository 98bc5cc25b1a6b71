"""``python -m perfcore``: demo, doctor, inspect, run, threads, top."""

from __future__ import annotations

import argparse
import json
import os
import sys

from . import __version__
from .errors import PerfcoreError

BROKEN_PIPE = 141  # the exit status of what SIGPIPE ends: 128 + 13


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the command line; returns the exit status."""
    try:
        try:
            return _main(sys.argv[1:] if arguments is None else arguments)
        finally:
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()
    except BrokenPipeError:  # who reads has enough, as head has: nothing to tell, also not when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (PerfcoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _main(arguments: list[str]) -> int:
    parser = _parser()
    chosen = parser.parse_args(arguments[:1] if _runs(arguments) else arguments)
    if _runs(arguments):  # what follows is the program's own
        chosen.arguments = arguments[1:]
    if chosen.command is None:
        parser.print_help()
        return 0
    return chosen.command(chosen)


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
        "of yours; compiles them, proves that their answers keep every bit, times both, and draws a page. Then boat "
        "races: features, a model, and the last day race by race, the same bits as all at once.",
    )
    demo.add_argument("--data", metavar="FILE", help="a CSV or Parquet file")
    demo.add_argument("--target", metavar="COLUMN", help="its column to predict")
    demo.add_argument("--races", metavar="DIR", help="tell the story of boat races alone, of the real ones in there")
    demo.add_argument("--out", metavar="PAGE", default="perfcore_demo.html", help="the page (default: %(default)s)")
    demo.set_defaults(command=_demo)
    inspect = commands.add_parser("inspect", help="say what a model file becomes: trees, leaves, kernel, bytes")
    inspect.add_argument("model", help="a .pcore, .cbm or LightGBM text file, or an XGBoost JSON or UBJSON file")
    inspect.set_defaults(command=_inspect)
    threads = commands.add_parser("threads", help="thread counts: what there is to use, and what was measured")
    what = threads.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="print them (what it does unless told)")
    what.add_argument("--reset", action="store_true", help="forget what was measured")
    threads.set_defaults(command=_threads)
    doctor = commands.add_parser("doctor", help="say what is found here, and what is worth changing")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.set_defaults(command=_doctor)
    top = commands.add_parser("top", help="watch a process that serves its metrics")
    top.add_argument("address", help="where it serves: a socket's path, or 127.0.0.1:PORT")
    top.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between looks (default: 1)")
    top.add_argument("--once", action="store_true", help="print what there is now, and end")
    top.set_defaults(command=_top)
    run = commands.add_parser(
        "run",
        help="run a script or module, the predictions of installed frameworks through perfcore",
        usage="python -m perfcore run [--report] SCRIPT [ARGUMENT ...], or [--report] -m MODULE [ARGUMENT ...]",
        description="As python SCRIPT or python -m MODULE would, after perfcore.patch().",
        epilog="--report prints to stderr who answered which calls.",
    )
    run.set_defaults(command=_run)
    return parser


def _runs(arguments: list[str]) -> bool:
    return arguments[:1] == ["run"] and arguments[1:2] not in (["-h"], ["--help"])


def _run(chosen: argparse.Namespace) -> int:
    from .dropin.script import run

    return run(chosen.arguments)


def _demo(chosen: argparse.Namespace) -> int:
    from .demo import run

    return 0 if run(chosen.data, chosen.target, chosen.out, races=chosen.races) else 1


def _inspect(chosen: argparse.Namespace) -> int:
    from .model.file import MAGIC, head
    from .predictor import compile, load

    is_saved = head(chosen.model, len(MAGIC)) == MAGIC
    print(load(chosen.model) if is_saved else compile(chosen.model))
    return 0


def _threads(chosen: argparse.Namespace) -> int:
    from .threads import command, remembered

    if chosen.reset:
        print("forgotten" if remembered.reset() else "nothing was remembered")
    else:
        print(command.show())
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    from .doctor import examine

    found = examine()
    print(json.dumps(found.as_dict(), indent=1) if chosen.json else found)
    return 0


def _top(chosen: argparse.Namespace) -> int:
    from .runtime.top import watch

    watch(chosen.address, interval=chosen.interval, once=chosen.once)
    return 0


if __name__ == "__main__":
    sys.exit(main())
