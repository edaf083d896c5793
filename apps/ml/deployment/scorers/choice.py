"""Choosing the scorer of a bundle: the quickest of those that give the bundle's own answers."""

import time
from pathlib import Path

from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.scorers.candidates import ONNX, TABLES, Candidates
from apps.ml.deployment.scorers.compiled_scorer import CompiledScorer
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.probes import probe_rows
from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.deployment.scorers.trial import Speed, Trial
from apps.ml.models.bundle import UNABLE, ModelBundle
from apps.ml.models.golden_rows import read_golden

BUDGET_SECONDS = 1.0
"""Once this is spent and a candidate was taken, no further one is built."""

COMPILED = "compiled"


def choose_scorer(bundle: ModelBundle, folder: Path) -> Scorer:
    """Return the quickest scorer that gives the bundle's answers for golden rows and probes; at the least the bundle.

    `refused` of what is returned tells of every other one why it was not taken. Candidates are the compiled encoding
    before trees in LightGBM's library with one of three engines for many rows (`lightgbm+tables`,
    `lightgbm+onnxruntime`, `lightgbm`), or before array operations (`numpy`), or before the bundle's own estimator
    (`estimator`).

    Raises
    ------
    BundleError
        The golden rows in `folder` cannot be read.
    """
    golden = read_golden(folder, bundle.info.columns).frame
    if not len(golden):
        return BundleScorer(bundle, ((COMPILED, "the bundle has no golden rows to try a scorer on"),))
    try:
        candidates = Candidates(bundle)
        trial = Trial(bundle, folder, probe_rows(golden, bundle, candidates.trees))
    except NotCompiledError as error:
        return BundleScorer(bundle, ((COMPILED, str(error)),))
    except UNABLE as error:
        return BundleScorer(bundle, ((COMPILED, f"the trial cannot be set up ({type(error).__name__})"),))
    return _Choice(bundle, candidates, trial).made()


class _Choice:
    """Goes through the candidates and keeps what came of each."""

    def __init__(self, bundle: ModelBundle, candidates: Candidates, trial: Trial) -> None:
        self._bundle, self._candidates, self._trial = bundle, candidates, trial
        self._right: dict[str, tuple[Speed, CompiledScorer]] = {}
        self._refused: dict[str, str] = {}
        self._end = time.perf_counter() + BUDGET_SECONDS

    def made(self) -> Scorer:
        """Try all, and return the best with the reasons against the others."""
        for name in self._candidates.names:
            reason = self._why_not_tried(name) or self._tried(name)
            if reason:
                self._refused[name] = reason
        if not self._right:
            return BundleScorer(self._bundle, tuple(self._refused.items()))
        best = min(self._right, key=lambda name: self._right[name][0].merit)
        speed, chosen = self._right.pop(best)
        slower = {name: f"slower: {other}, against {speed}" for name, (other, _) in self._right.items()}
        return chosen.with_refused(tuple((self._refused | slower).items()))

    def _why_not_tried(self, name: str) -> str | None:
        if name == ONNX and TABLES in self._right:
            return f"not tried: {TABLES} holds these trees without another library"
        if self._right and time.perf_counter() > self._end:
            return f"not tried: the choice had taken {BUDGET_SECONDS:g} s"
        return None

    def _tried(self, name: str) -> str | None:
        """Build a candidate and put it on trial; return why it is not taken."""
        try:
            candidate = self._candidates.build(name)
            reason = self._trial.why_wrong(candidate)
            if reason is None:
                self._right[name] = (self._trial.speed(candidate), candidate)
        except NotCompiledError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (whatever a library raises, another candidate or the bundle serves)
            return f"it failed with a {type(error).__name__}"
        return reason
