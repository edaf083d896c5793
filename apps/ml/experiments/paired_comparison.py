"""Runs against a baseline on the same test rows, and which of them no other one beats.

Row numbers mean the same rows only within one source of one data set; where two runs have others, or the rows cannot
be had, the pair is undefined with the reason and the rest of the comparison stands.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.model_comparison.front import Axis, stand
from apps.ml.evaluation.model_comparison.measures import Measure, Rules, measures_of
from apps.ml.evaluation.model_comparison.rows import Pair, pair_rows
from apps.ml.evaluation.model_comparison.verdicts import judge
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.experiments import tags
from apps.ml.experiments.dvc_cache import DvcCache, open_cache
from apps.ml.experiments.run_content import stored_name
from apps.ml.experiments.run_rows import RunRows, rows_of_run
from apps.ml.experiments.tracking import TrackingStore

CONFIDENCE = 0.95
OF_EVALUATION = "model_evaluation."
EVIDENCE_FILE = ArtifactPaths().evidence.as_posix()


@dataclass(frozen=True)
class Question:
    """What a run's model predicts, and which outcome is good for the person."""

    positive_name: str | None
    favourable: str


@dataclass
class PairedRuns:
    """The runs of one comparison with their answered rows, fetched once each, or the reason why there are none."""

    store: TrackingStore
    runs: Sequence[Any]
    baseline: int
    paths: ArtifactPaths = field(default_factory=ArtifactPaths)
    confidence: float = CONFIDENCE
    _rows: dict[str, RunRows | str] = field(default_factory=dict)
    _pairs: dict[tuple[int, int], tuple[Measure, ...] | str] = field(default_factory=dict)
    _cache: DvcCache | None = None
    _questions: dict[str, Question] = field(default_factory=dict)

    def differences(self) -> list[dict[str, Any]]:
        """Return, per run but the baseline, its judged differences; one family over all of them.

        Each entry has `run_id`, `place` among the runs, and either `undefined` (a reason) or `rows` (common ones),
        `left_out`, `sources` and `differences`: name of a metric → measurement with verdict.
        """
        others = [at for at in range(len(self.runs)) if at != self.baseline]
        measures = {str(at): found for at in others if not isinstance(found := self.measures(at, self.baseline), str)}
        judged = judge(measures, self.confidence)
        return [self._entry(at, judged.get(str(at))) for at in others]

    def measures(self, one: int, other: int) -> tuple[Measure, ...] | str:
        """Return how each difference, `one` − `other`, is measured, or the reason why none can be."""
        if (one, other) not in self._pairs:
            pair = self._pair(one, other)
            self._pairs[one, other] = pair if isinstance(pair, str) else measures_of(pair, self._rules())
        return self._pairs[one, other]

    def difference(self, one: int, other: int, path: str, confidence: float) -> Measurement | None:
        """Measure one difference, `one` − `other`; None where the pair or the metric has none."""
        found = self.measures(one, other)
        if isinstance(found, str):
            return None
        measure = next((each for each in found if stored_name(each.path) == path), None)
        measured = measure.difference(confidence) if measure is not None else None
        return measured if measured is not None and measured.is_defined else None

    def front(self, entries: Sequence[Mapping[str, Any]], performance: Axis, unfairness: Axis) -> dict[str, Any]:
        """Place the runs on the plane of two metrics.

        Parameters
        ----------
        entries : per run its `label` and `metrics`, in the order of the runs
        performance, unfairness : metrics by their names on runs
        """
        axes = (performance, unfairness)
        both = [at for at, entry in enumerate(entries) if all(_has(entry, axis.path) for axis in axes)]
        points = stand(
            [str(entries[at]["label"]) for at in both],
            [(entries[at]["metrics"][performance.path], entries[at]["metrics"][unfairness.path]) for at in both],
            axes,
            lambda one, other, path, confidence: self.difference(both[one], both[other], path, confidence),
            self.confidence,
        )
        paired = [self._is_paired(one, other, axis) for one, other in combinations(both, 2) for axis in axes]
        return {
            "performance": performance.path,
            "performance_better": performance.better,
            "unfairness": unfairness.path,
            "unfairness_better": unfairness.better,
            "paired": all(paired),
            "points": [{"place": at, **point.__dict__} for at, point in zip(both, points, strict=True)],
            "without": [str(entry["label"]) for at, entry in enumerate(entries) if at not in both],
        }

    def _is_paired(self, one: int, other: int, axis: Axis) -> bool:
        found = self.measures(one, other)
        return not isinstance(found, str) and any(stored_name(measure.path) == axis.path for measure in found)

    def _entry(self, at: int, judged: Any) -> dict[str, Any]:
        run, pair = self.runs[at], self._pair(at, self.baseline)
        if judged is None or isinstance(pair, str):
            return {"run_id": run.info.run_id, "place": at, "undefined": pair, "differences": {}}
        sources = [self._rows_of(each) for each in (run, self.runs[self.baseline])]
        return {
            "run_id": run.info.run_id,
            "place": at,
            "rows": len(pair),
            "left_out": pair.left_out,
            "sources": [each.source for each in sources if not isinstance(each, str)],
            "differences": {stored_name(each.path): each.to_dict() for each in judged},
        }

    def _pair(self, one: int, other: int) -> Pair | str:
        new, old = self.runs[one], self.runs[other]
        if any(new.data.tags.get(tag) != old.data.tags.get(tag) for tag in (tags.DATASET, tags.SOURCE)):
            return "the two were tested on rows of different sources. Compare runs of one data set."
        if self._question(new) != self._question(old):
            return "the two predict another event, or another outcome is the favourable one. Compare like with like."
        rows = self._rows_of(new), self._rows_of(old)
        reasons = [each for each in rows if isinstance(each, str)]
        if reasons or isinstance(rows[0], str) or isinstance(rows[1], str):
            return reasons[0]
        try:
            return pair_rows(rows[0].answers, rows[1].answers)
        except BadInputError as error:
            return str(error)

    def _rows_of(self, run: Any) -> RunRows | str:
        run_id = str(run.info.run_id)
        if run_id not in self._rows:
            self._cache = self._cache or open_cache(self.paths.root)
            try:
                self._rows[run_id] = rows_of_run(self.store, run, self.paths, self._cache)
            except BadInputError as error:
                self._rows[run_id] = f"run {run_id[:8]}: {error}"
        return self._rows[run_id]

    def _question(self, run: Any) -> Question:
        run_id = str(run.info.run_id)
        if run_id not in self._questions:
            self._questions[run_id] = question_of(self.store, run_id)
        return self._questions[run_id]

    def _rules(self) -> Rules:
        run = self.runs[self.baseline]
        usual = Rules()
        given = {name: run.data.params.get(OF_EVALUATION + name) for name in _WHOLE}
        return Rules(
            favourable="negative" if self._question(run).favourable == "negative" else "positive",
            minimum_group_size=int(given["minimum_group_size"] or usual.minimum_group_size),
            replicates=int(given["bootstrap_replicates"] or usual.replicates),
            seed=int(given["seed"] or usual.seed),
        )


_WHOLE = ("minimum_group_size", "bootstrap_replicates", "seed")


def confidence_of(run: Any) -> float:
    """Return the confidence of the intervals that a run's evaluation used."""
    return float(run.data.params.get(f"{OF_EVALUATION}confidence") or CONFIDENCE)


def question_of(store: TrackingStore, run_id: str) -> Question:
    """Return what a run's model predicts, as its evidence says."""
    with tempfile.TemporaryDirectory(prefix="fairmind-evidence-") as folder:
        path = store.client.download_artifacts(run_id, EVIDENCE_FILE, folder)
        decision = json.loads(Path(path).read_text(encoding="utf-8")).get("decision") or {}
    return Question(decision.get("positive_name"), str(decision.get("favourable", "positive")))


def _has(entry: Mapping[str, Any], path: str) -> bool:
    found = entry["metrics"].get(path)
    return found is not None and found.get("value") is not None
