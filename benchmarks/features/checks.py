"""Whether answers are right: by two passes in long double over some windows, the plain loop, or a rival's bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .data import hostile
from .scenarios import OWN, Scenario

Answers = dict[str, np.ndarray]
BOUND = 1e-14  # perfcore's, on the scale of what is asked for
LOOSE = 1e-6  # a rival's, on a series that does nobody harm
RACES = 1e-12
SOME = 3_000  # windows that are looked at in a long series


class Wrong(Exception):
    """Answers that are no answers."""


def verdicts(scenario: Scenario, folder: Path, answers: dict[str, Answers]) -> dict[str, str | Wrong]:
    """By side what may be said of its answers."""
    check = _CHECKS.get(scenario.does, _same_bits)
    found: dict[str, str | Wrong] = {}
    for side in answers:
        try:
            found[side] = check(scenario, folder, answers, side)
        except Wrong as reason:
            found[side] = reason
    return found


# -- rolling -------------------------------------------------------------------------------------------------


def _windows(x: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, and the cells of their windows in long double."""
    rows = np.arange(n - 1, len(x))
    if len(rows) > SOME:
        rows = np.sort(np.random.default_rng(0).choice(rows, SOME, replace=False))
    return rows, np.lib.stride_tricks.sliding_window_view(x, n)[rows - n + 1].astype(np.longdouble)


def _of_windows(kind: str, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is right, and what an error is measured by."""
    if kind in ("max", "min", "median"):
        return getattr(np, kind)(cells, axis=1), np.abs(cells).max(axis=1)
    if kind in ("mean", "sum"):
        scale = np.abs(cells)
        return getattr(cells, kind)(axis=1), getattr(scale, kind)(axis=1)
    near = cells - cells.mean(axis=1, keepdims=True)
    near -= near.mean(axis=1, keepdims=True)
    std = np.sqrt((near**2).sum(axis=1) / (cells.shape[1] - 1))
    return std, std


def _error(kind: str, x: np.ndarray, n: int, answer: np.ndarray) -> float:
    if answer.shape != x.shape or not np.isnan(answer[: n - 1]).all():
        return np.inf
    rows, cells = _windows(x, n)
    right, scale = _of_windows(kind, cells)
    with np.errstate(invalid="ignore"):
        off = np.abs(answer[rows] - right) / scale
    return float(np.max(np.where(np.isnan(off), np.inf, off)))


def _rolling(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    kind, n = scenario.does.removeprefix("rolling_"), scenario.settings["window"]
    found = _error(kind, np.load(folder / "x.npy"), n, answers[side][""])
    worst = max((_error(kind, x, n, answers[side][name]), name) for name, x in hostile().items())
    if found > (BOUND if side == OWN else LOOSE) or (side == OWN and worst[0] > BOUND):
        raise Wrong(f"off by {max(found, worst[0]):.0e} of the right value")
    told = f"within {found:.0e}" if found else "right"
    if worst[0] > BOUND:
        return f"{told}, but {'NaN' if np.isinf(worst[0]) else f'{worst[0]:.0e}'} on hostile series ({worst[1]})"
    return f"{told}, {worst[0]:.0e} on hostile series" if worst[0] else told


# -- indicators ----------------------------------------------------------------------------------------------


def ema(x: np.ndarray, n: int) -> np.ndarray:
    """As TA-Lib has it: the mean of the first n, and on from there."""
    found, k = np.full(len(x), np.nan), 2.0 / (n + 1)
    cells = x.tolist()
    last = 0.0
    for cell in cells[:n]:
        last += cell
    last /= n
    found[n - 1] = last
    for i in range(n, len(cells)):
        last = (cells[i] - last) * k + last
        found[i] = last
    return found


def rsi(x: np.ndarray, n: int) -> np.ndarray:
    """As TA-Lib has it: means of the first n gains and losses, then Wilder's; divided by way of 1 / n."""
    found, moves, part = np.full(len(x), np.nan), np.diff(x).tolist(), 1 / n
    gain = loss = 0.0
    for i, move in enumerate(moves):
        if i >= n:
            gain, loss = gain * (n - 1), loss * (n - 1)
        if move < 0:
            loss -= move
        else:
            gain += move
        if i >= n - 1:
            gain, loss = gain * part, loss * part
            found[i + 1] = 100 * (gain / (gain + loss)) if gain + loss else 0.0
    return found


def _indicator(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    """TA-Lib rounds once where the processor multiplies and adds in one step, so that its bits are its own."""
    x, made, n = np.load(folder / "x.npy"), answers[side][""], scenario.settings["window"]
    right = {"ema": ema, "rsi": rsi}[scenario.does](x, n)
    if not np.array_equal(np.isnan(made), np.isnan(right)):
        raise Wrong("NaN elsewhere than in its definition")
    off = np.nanmax(np.abs(made - right) / np.maximum(1, np.abs(right)))
    if off > BOUND:
        raise Wrong(f"off by {off:.0e} from its definition")
    if side == "TA-Lib" or "TA-Lib" not in answers:
        return f"within {off:.0e} of its definition" if off else "as defined"
    if np.array_equal(made, answers["TA-Lib"][""], equal_nan=True):
        return "same bits as TA-Lib"
    raise Wrong("not the bits of TA-Lib")


# -- tables --------------------------------------------------------------------------------------------------


def _grouped(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    x, n = np.load(folder / "x.npy"), scenario.settings["groups"]
    groups, worst = x.reshape(n, -1), 0.0
    for name in scenario.settings["made"]:
        kind, window = name.split()
        made = _column(answers[side], name, len(x)).reshape(n, -1)
        for number in {0, n // 2, n - 1}:
            worst = max(worst, _of_group(kind, int(window), groups[number], made[number]))
    if worst > (BOUND if side == OWN else LOOSE):
        raise Wrong(f"off by {worst:.0e} of the right value")
    return f"within {worst:.0e}" if worst else "right"


def _of_group(kind: str, n: int, x: np.ndarray, made: np.ndarray) -> float:
    if kind in ("lag", "diff"):
        right = np.r_[[np.nan] * n, x[:-n] if kind == "lag" else x[n:] - x[:-n]]
        return 0.0 if np.array_equal(made, right, equal_nan=True) else np.inf
    return _error(kind, x, n, made)


def _column(made: Answers, name: str, n: int) -> np.ndarray:
    if name not in made or made[name].shape != (n,):
        raise Wrong(f"no {name} of {n} rows, but {', '.join(made)}")
    return made[name]


def _races(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    """Against pandas, whose features tests hold to their definitions."""
    right = answers.get("pandas")
    if right is None:
        return "not compared, for pandas gave none"
    worst = 0.0
    for name, column in right.items():
        made = _column(answers[side], name, len(column))
        if not np.array_equal(np.isnan(made), np.isnan(column)):
            raise Wrong(f"{name} is missing elsewhere than in pandas")
        off = np.abs(made - column) / np.maximum(1, np.abs(column))
        is_count = any(part in name for part in ("races", "rank", "last", "minutes"))
        worst = max(worst, np.inf if is_count and not np.array_equal(made, column, equal_nan=True) else np.nanmax(off))
    if worst > RACES:
        raise Wrong(f"off by {worst:.0e} from pandas")
    return f"{len(right)} features, integers equal, floats within {worst:.0e} of pandas" if worst else "as defined"


def _streamed(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    if side != OWN:
        return "does nothing"
    made = answers[side]
    if made["streamed"].shape != (scenario.rows, len(scenario.settings["made"])):
        raise Wrong(f"the bars' features are of shape {made['streamed'].shape}")
    if made["streamed"].tobytes() != made["batch"].tobytes():
        raise Wrong("streamed features are not those of the batch")
    return "same bits as the batch"


def _same_bits(scenario: Scenario, folder: Path, answers: dict[str, Answers], side: str) -> str:
    right = answers.get(scenario.sides[0])
    if right is None:
        return f"not compared, for {scenario.sides[0]} gave none"
    one, other = answers[side][""], right[""]
    if one.dtype != other.dtype or one.shape != other.shape or one.tobytes() != other.tobytes():
        raise Wrong("not the bits of scikit-learn")
    return "same bits"


_CHECKS: dict[str, Callable[[Scenario, Path, dict[str, Answers], str], str]] = {
    **dict.fromkeys(("rolling_mean", "rolling_std", "rolling_max", "rolling_median"), _rolling),
    **dict.fromkeys(("ema", "rsi"), _indicator),
    "groups": _grouped,
    "races": _races,
    "bar": _streamed,
}
