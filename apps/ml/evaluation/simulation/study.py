"""Run every method on the same drawn counts and count how often it is right."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.simulation.methods import METHODS, Bounds
from apps.ml.evaluation.simulation.settings import GAP_LIMIT, RATIO_LIMIT, Setting

TOLERANCE = 1e-12
"""A bound that differs from the truth by rounding alone holds it."""


@dataclass(frozen=True)
class Outcome:
    """What one method did in one setting, as shares of the replicates.

    Coverage is None for a method without an interval, and for ratios that are never defined. `*_fail` and `*_pass` are
    verdicts of the gates *gap at most .10* and *ratio at least .8*; the rest is INCONCLUSIVE.
    """

    setting: Setting
    method: str
    replicates: int
    gap_coverage: float | None
    ratio_coverage: float | None
    gap_fail: float
    gap_pass: float
    ratio_fail: float
    ratio_pass: float

    def to_dict(self) -> dict[str, Any]:
        """One row of the table: the setting's numbers and the shares."""
        setting = self.setting
        known = {
            "shape": setting.shape,
            "groups": setting.groups,
            "rows": max(setting.rows),
            "base_rate": setting.base_rate,
            "gap": round(setting.gap, 6),
            "ratio": round(setting.ratio, 6),
        }
        return known | {name: value for name, value in asdict(self).items() if name != "setting"}


def run_study(
    settings: Sequence[Setting],
    replicates: int,
    seed: int,
    confidence: float = 0.95,
    jobs: int = 1,
    done: Callable[[], None] = lambda: None,
) -> tuple[Outcome, ...]:
    """Run all methods in all settings.

    Parameters
    ----------
    settings : sequence of Setting
    replicates : int
        Tables drawn per setting.
    seed : int
        A setting's draws depend on it and on the setting alone, not on which others run or on `jobs`.
    confidence : float in (0, 1)
    jobs : int
        Processes.
    done : callable
        Called after each setting.

    Returns
    -------
    tuple[Outcome, ...]
        Per setting one outcome per method, in the order of :data:`~apps.ml.evaluation.simulation.methods.METHODS`.
    """
    outcomes: list[Outcome] = []
    for found in _runs(partial(run_setting, replicates=replicates, seed=seed, confidence=confidence), settings, jobs):
        outcomes.extend(found)
        done()
    return tuple(outcomes)


def _runs(
    run: Callable[[Setting], tuple[Outcome, ...]], settings: Sequence[Setting], jobs: int
) -> Iterator[tuple[Outcome, ...]]:
    if jobs == 1:
        yield from map(run, settings)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, settings)


def run_setting(setting: Setting, replicates: int, seed: int, confidence: float) -> tuple[Outcome, ...]:
    """Run all methods on the same tables drawn for one setting."""
    generator = np.random.default_rng([seed, zlib.crc32(repr(setting).encode())])
    rows = np.array(setting.rows, dtype=np.int64)
    successes = generator.binomial(rows, setting.rates, size=(replicates, len(rows)))
    return tuple(
        _outcome(setting, name, method(successes, rows, confidence, generator)) for name, method in METHODS.items()
    )


def _outcome(setting: Setting, method: str, bounds: Bounds) -> Outcome:
    defined = ~np.isnan(bounds.ratio_lower)
    estimate_only = method == "plug-in"
    gap_holds = _holds(bounds.gap_lower, bounds.gap_upper, setting.gap)
    ratio_holds = _holds(bounds.ratio_lower, bounds.ratio_upper, setting.ratio)[defined]
    return Outcome(
        setting=setting,
        method=method,
        replicates=len(defined),
        gap_coverage=None if estimate_only else float(gap_holds.mean()),
        ratio_coverage=None if estimate_only or not defined.any() else float(ratio_holds.mean()),
        gap_fail=float((bounds.gap_lower > GAP_LIMIT).mean()),
        gap_pass=float((bounds.gap_upper <= GAP_LIMIT).mean()),
        ratio_fail=float((bounds.ratio_upper < RATIO_LIMIT).mean()),
        ratio_pass=float((bounds.ratio_lower >= RATIO_LIMIT).mean()),
    )


def _holds(lower: npt.NDArray[np.float64], upper: npt.NDArray[np.float64], truth: float) -> npt.NDArray[np.bool_]:
    return (lower <= truth + TOLERANCE) & (truth - TOLERANCE <= upper)
