"""``python -m perfcore run``: a program as Python runs it, its predictions through perfcore."""

from __future__ import annotations

import builtins
import functools
import io
import os
import pkgutil
import runpy
import sys
import types
from collections.abc import Callable
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from typing import Any

from ..errors import ConfigurationError
from .patching import patch
from .report import patch_report

USAGE = "python -m perfcore run [--report] SCRIPT [ARGUMENT ...], or [--report] -m MODULE [ARGUMENT ...]"


def run(arguments: list[str]) -> int:
    """Run what the arguments name as ``__main__``; returns the exit status. ``--report``: who answered, to stderr."""
    reports = arguments[:1] == ["--report"]
    arguments = arguments[reports:]
    is_module = arguments[:1] == ["-m"]
    sys_argv = arguments[is_module:]
    if not sys_argv or sys_argv[0].startswith("-"):
        given = f"{arguments[0]} is none of them" if arguments else "nothing was given"
        forms = "run takes a script, a folder, an archive, or -m and a module"
        raise ConfigurationError(f"{forms}; {given}; usage: {USAGE}")
    begin = _module if is_module else _file(sys_argv[0])
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={})
    sys.argv = sys_argv
    patch()
    try:
        begin(vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        if isinstance(error, Exception):
            return 1
        sys.excepthook = lambda *_: None  # it is shown; the exit status is Python's to choose
        raise
    finally:
        if reports:
            sys.stdout.flush()
            print(patch_report(), file=sys.stderr)
    return 0


def _module(_: dict[str, Any]) -> None:
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    runpy._run_module_as_main(sys.argv[0])  # type: ignore[attr-defined]  # what python -m calls


def _file(name: str) -> Callable[[dict[str, Any]], None]:
    """How to run a file in a namespace; `OSError` where there is none."""
    path = os.path.abspath(name)
    if pkgutil.get_importer(path) is not None:
        return functools.partial(_folder, path)
    with io.open_code(path) as file:
        source = file.read()

    def begin(namespace: dict[str, Any]) -> None:
        namespace |= {"__file__": path, "__cached__": None}
        if not sys.flags.safe_path:
            sys.path[0] = os.path.dirname(os.path.realpath(path))
        is_compiled = path.endswith(".pyc")
        loader = namespace["__loader__"] = (SourcelessFileLoader if is_compiled else SourceFileLoader)("__main__", path)
        code = loader.get_code("__main__") if is_compiled else compile(source, path, "exec", dont_inherit=True)
        exec(code, namespace)  # type: ignore[arg-type]

    return begin


def _folder(path: str, _: dict[str, Any]) -> None:
    """Or an archive: ``__main__`` of it."""
    sys.path[: not sys.flags.safe_path] = [path]
    runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]


def _show(error: BaseException) -> None:
    """As Python does at the end of a program, without the frames up to the last of this file."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    own = [i for i, frame in enumerate(frames) if frame.tb_frame.f_code.co_filename == __file__]
    error.__traceback__ = next(iter(frames[own[-1] + 1 :]), None)
    sys.excepthook(type(error), error, error.__traceback__)
