"""Builds the kernels with the guard's program and counts instructions: by callgrind, or by the processor."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-pthread", "-w")
BY_CALLGRIND = ("portable", "avx2")  # valgrind knows no AVX-512
BY_COUNTER = ("avx512",)
ABSENT = 3  # how the program says that it cannot count here
CALLGRIND = (
    "valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=guarded", "--dump-after=guarded"
)  # fmt: skip


def compiler() -> str | None:
    return os.environ.get("CXX") or shutil.which("g++")


def compiler_version(command: str) -> str:
    """Such as "gcc 12.2": what decides the instructions, besides the source."""
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    number = subprocess.run([command, "-dumpfullversion"], capture_output=True, text=True).stdout
    number = number.strip() or re.search(r"\d+\.\d+", told)[0]
    return f"{'clang' if 'clang' in told else 'gcc'} {'.'.join(number.split('.')[:2])}"


def build(command: str, tree: Path, room: Path) -> Path:
    """The guard's program over the kernels of a source tree."""
    ext = tree / "src/perfcore/_ext"
    sources = [Path(__file__).with_name("guard.cpp"), *sorted(ext.glob("*/*.cpp"))]
    objects = [room / f"{i}.o" for i in range(len(sources))]

    def one(source: Path, to: Path) -> None:
        subprocess.run([command, *FLAGS, f"-I{ext / 'include'}", "-c", str(source), "-o", str(to)], check=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, sources, objects))
    program = room / "guard"
    subprocess.run([command, "-pthread", *map(str, objects), "-o", str(program)], check=True)
    return program


def kernel_names(tree: Path) -> tuple[str, ...]:
    text = (tree / "src/perfcore/_ext/forest.pyx").read_text(encoding="utf-8")
    return ast.literal_eval(re.search(r"^KERNELS = (\(.*?\))", text, re.DOTALL | re.MULTILINE)[1])


def count(program: Path, names: tuple[str, ...], room: Path, isas=(*BY_CALLGRIND, *BY_COUNTER)) -> dict[str, dict]:
    """Instructions by instruction set and "kernel/cell"; a set that cannot be counted here is left out."""
    counts = {}
    for isa in isas:
        found = _by_callgrind(program, isa, room) if isa in BY_CALLGRIND else _by_counter(program, isa)
        if found is not None:
            counts[isa] = {f"{names[kernel]}/{cell}": n for cell, kernel, n in found}
    return counts


def _by_callgrind(program: Path, isa: str, room: Path) -> list[tuple[str, int, int]] | None:
    out = room / f"{isa}.out"
    ran = subprocess.run([*CALLGRIND, f"--callgrind-out-file={out}", str(program), isa], capture_output=True, text=True)
    if _is_absent(ran):
        return None
    found = []
    for i, line in enumerate(ran.stdout.splitlines(), start=1):  # a file for each call, in turn
        cell, kernel, _ = line.split()
        total = re.search(r"^totals: (\d+)", Path(f"{out}.{i}").read_text(encoding="utf-8"), re.MULTILINE)
        found.append((cell, int(kernel), int(total[1])))
    return found


def _by_counter(program: Path, isa: str) -> list[tuple[str, int, int]] | None:
    ran = subprocess.run([str(program), isa, "perf"], capture_output=True, text=True)
    if _is_absent(ran):
        return None
    return [(cell, int(kernel), int(n)) for cell, kernel, n in map(str.split, ran.stdout.splitlines())]


def _is_absent(ran: subprocess.CompletedProcess) -> bool:
    if ran.returncode not in (0, ABSENT):
        raise SystemExit(f"{' '.join(map(str, ran.args))} ended with {ran.returncode}:\n{ran.stderr[-2000:]}")
    return ran.returncode == ABSENT
