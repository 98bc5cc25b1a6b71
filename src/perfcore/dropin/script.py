"""``python -m perfcore run``: a script or module as Python runs it, its predictions through perfcore."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
import types

from ..errors import ConfigurationError
from .patching import patch
from .report import patch_report

USAGE = "python -m perfcore run [--report] SCRIPT [ARGUMENT ...], or [--report] -m MODULE [ARGUMENT ...]"


def run(arguments: list[str]) -> int:
    """Run what the arguments name as ``__main__``; returns the exit status. ``--report``: who answered, to stderr."""
    reports = arguments[:1] == ["--report"]
    arguments = arguments[reports:]
    is_module = arguments[:1] == ["-m"]
    arguments = arguments[is_module:]
    if not arguments or arguments[0].startswith("-"):
        raise ConfigurationError(f"nothing to run; usage: {USAGE}")
    patch()
    try:
        return _run_module(arguments) if is_module else _run_script(arguments)
    finally:
        if reports:
            sys.stdout.flush()
            print(patch_report(), file=sys.stderr)


def _run_module(arguments: list[str]) -> int:
    sys.argv = arguments
    sys.path[0] = os.getcwd()
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except Exception as error:
        return _shown(error, "<frozen runpy>")
    return 0


def _run_script(arguments: list[str]) -> int:
    path = os.path.abspath(arguments[0])
    with io.open_code(path) as file:
        source = file.read()
    main = types.ModuleType("__main__")
    vars(main).update(__file__=path, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(main))
    except Exception as error:
        return _shown(error, __file__)
    return 0


def _shown(error: Exception, last: str) -> int:
    """Show an error as Python does at the end of a program, without the frames up to the last of that file."""
    traceback = error.__traceback__
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    own = [i for i, frame in enumerate(frames) if frame.tb_frame.f_code.co_filename == last]
    rest = frames[own[-1] + 1 :] if own else frames
    error.__traceback__ = rest[0] if rest else None
    sys.excepthook(type(error), error, error.__traceback__)
    return 1
