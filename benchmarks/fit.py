"""``python -m benchmarks.fit FILES``: the prices of the cost model, from what ``benchmarks.grid --costs`` measured."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np

HEADER = Path("src/perfcore/_ext/include/perfcore/prices.hpp")
TOLERATED = 0.05  # relative error beyond which a measurement counts less
DEAR, AIM = 1.1, 1.07  # times the best kernel's time: what a choice may cost, and what prices are fitted for
ROUNDS = 20
FAR_BEHIND = 3  # times the best kernel's time: that a kernel costs this much has to be known only roughly


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of any instruction sets, of one machine")
    parser.add_argument("--dry", action="store_true", help="only say how well the prices would choose")
    asked = parser.parse_args(arguments)
    measured = read(asked.files)
    prices = fit(measured)
    print(report(measured, prices))
    if not asked.dry:
        HEADER.write_text(written(HEADER.read_text(encoding="utf-8"), prices), encoding="utf-8")
    return 0


def read(files: list[Path]) -> dict[tuple, dict]:
    """{(instruction set, model, rows): {kernel: (its form's instruction set, nanoseconds, amounts)}}.

    A form that was measured several times took the median of the times.
    """
    calls: dict[tuple, dict] = {}
    times: dict[tuple, list[float]] = {}
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        isa = document["machine"]["instruction set"]
        for each in document["costs"]:
            for rows, ns in each["ns"].items():
                call = calls.setdefault((isa, each["model"], int(rows)), {})
                form = each["kernel"], each["isa"], each["model"], rows
                times.setdefault(form, []).append(ns)
                call[each["kernel"]] = form, np.array(each["work"][rows])
    return {
        of: {name: (form[1], float(np.median(times[form])), work) for name, (form, work) in call.items()}
        for of, call in calls.items()
    }


def fit(calls: dict[tuple, dict]) -> dict[tuple, np.ndarray]:
    """{(kernel, its instruction set): prices}, none below zero, that keep relative errors small.

    Calls for which they would choose a kernel that costs too much count more and more; the prices that choose best
    are kept.
    """
    weight = {}
    for of, call in calls.items():
        best = min(ns for _, ns, _ in call.values())
        weight |= {(of, kernel): 1.0 if ns < FAR_BEHIND * best else 0.5 for kernel, (_, ns, _) in call.items()}
    fitted = []
    for _ in range(ROUNDS):
        prices = _fit(calls, weight)
        wrong = 0.0
        for of, call in calls.items():
            chosen, best = choice(call, prices)
            regret = call[chosen][1] / call[best][1]
            if regret > AIM:
                wrong += regret - AIM
                weight[of, chosen] *= 1.1
                weight[of, best] *= 1.1
        fitted.append((wrong, prices))
    return min(fitted, key=lambda each: each[0])[1]


def _fit(calls: dict[tuple, dict], weight: dict[tuple, float]) -> dict[tuple, np.ndarray]:
    from scipy.optimize import nnls

    of_kernel: dict[tuple, list] = {}
    for of, call in calls.items():
        for kernel, (isa, ns, work) in call.items():
            of_kernel.setdefault((kernel, isa), []).append((work / ns, weight[of, kernel]))
    prices = {}
    for key, rows in of_kernel.items():
        work, own = (np.array(column) for column in zip(*rows, strict=True))
        trusted = np.ones(len(own))
        for _ in range(20):  # towards the least sum of absolute errors
            each = own * trusted
            prices[key] = nnls(work * each[:, None], each)[0]
            error = np.abs(work @ prices[key] - 1)
            trusted = 1 / np.sqrt(np.maximum(error, TOLERATED) / TOLERATED)
    return prices


def choice(call: dict, prices: dict[tuple, np.ndarray]) -> tuple[str, str]:
    """The kernel that is expected to cost least, and the one that did."""
    return (
        min(call, key=lambda name: call[name][2] @ prices[name, call[name][0]]),
        min(call, key=lambda name: call[name][1]),
    )


def report(calls: dict[tuple, dict], prices: dict[tuple, np.ndarray]) -> str:
    """How far the prices are off, and what choosing by them costs."""
    lines = []
    for kernel, isa in sorted(prices):
        ratios = [
            work @ prices[kernel, isa] / ns
            for call in calls.values()
            for name, (form, ns, work) in call.items()
            if (name, form) == (kernel, isa)
        ]
        low, middle, high = np.percentile(ratios, [10, 50, 90])
        lines.append(f"{kernel:<12}{isa:<10} expected / measured {middle:.2f} ({low:.2f} to {high:.2f})")
    for isa in sorted({isa for isa, _, _ in calls}):
        regrets = []
        for (of, model, rows), call in calls.items():
            if of == isa:
                chosen, best = choice(call, prices)
                regrets.append((call[chosen][1] / call[best][1], f"{model}, {rows} rows: {chosen}, not {best}"))
        regrets.sort(reverse=True)
        dear = [f"  {regret:.2f} × {what}" for regret, what in regrets if regret > DEAR]
        lines.append(f"{isa}: {len(dear)} of {len(regrets)} choices cost over {DEAR} times the best")
        lines += dear
    return "\n".join(lines)


def written(header: str, prices: dict[tuple, np.ndarray]) -> str:
    """The header with new prices in place of its own."""
    for (kernel, isa), each in prices.items():
        name = kernel.upper() + ("" if kernel == "interleave" else f"_{isa.upper()}")
        numbers = ", ".join(f"{price:.4g}" for price in each)
        header, n = re.subn(rf"(constexpr Prices {name} = {{)[^}}]*}}", rf"\g<1>{numbers}}}", header)
        if n != 1:
            raise ValueError(f"{HEADER} has no prices {name}")
    return header


if __name__ == "__main__":
    sys.exit(main())
