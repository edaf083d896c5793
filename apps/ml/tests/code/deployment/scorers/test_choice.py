"""Which scorer serves, and why the others do not."""

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.deployment.scorers import choice
from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.scorers.candidates import ARRAYS, ESTIMATOR, LIGHTGBM, ONNX, TABLES, Candidates
from apps.ml.deployment.scorers.choice import choose_scorer
from apps.ml.deployment.scorers.compiled_scorer import Compiled, CompiledScorer
from apps.ml.deployment.scorers.decisions import decision_rule
from apps.ml.deployment.scorers.formula import Formula, generic, mapped
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.probes import PROBES, boundaries_of, probe_rows, values_of
from apps.ml.deployment.scorers.row_encoder import RowEncoder
from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.deployment.scorers.tree_engines import GrownTrees, TreeEngine
from apps.ml.deployment.scorers.trial import Speed, Trial
from apps.ml.errors import BundleError
from apps.ml.models.bundle import ModelBundle, write_bundle
from apps.ml.models.golden_rows import GOLDEN_FILE, read_golden
from apps.ml.tests.code.deployment.scorers.small_bundles import held_out, stored_bundle

THREADS = 8
ROUNDS = 3
MANY_SCORES = 50_000
MANY_THREADS = 500
MOST_GROWTH = 2 * 2**20
MEMORY = Path("/proc/self/statm")
SPEEDS = {TABLES: Speed(1, 10), LIGHTGBM: Speed(1, 20), ARRAYS: Speed(2, 20), ESTIMATOR: Speed(100, 300)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the bundle of boosted trees."""
    return tmp_path_factory.mktemp("scorers") / "bundle"


@pytest.fixture(scope="module")
def bundle(folder: Path) -> ModelBundle:
    """Boosted trees of LightGBM."""
    return stored_bundle(folder, "lightgbm")


@pytest.fixture(scope="module")
def trial(bundle: ModelBundle, folder: Path) -> Trial:
    """A trial of that bundle's candidates."""
    golden = read_golden(folder, bundle.info.columns).frame
    return Trial(bundle, folder, probe_rows(golden, bundle, Candidates(bundle).trees))


def wrong(bundle: ModelBundle, formula: Formula) -> CompiledScorer:
    rule = decision_rule(bundle, TreeEngine(LIGHTGBM, GrownTrees()))
    return CompiledScorer("wrong", Compiled(bundle, RowEncoder(bundle), formula, rule))


def right_formula(bundle: ModelBundle) -> Formula:
    return generic(bundle.score_encoded)


def test_the_chosen_one_names_itself_and_tells_of_all_others(bundle: ModelBundle, folder: Path) -> None:
    """Which one is chosen is measured."""
    scorer = choose_scorer(bundle, folder)
    refused = dict(scorer.refused)
    assert {scorer.name, *refused} == {TABLES, ONNX, LIGHTGBM, ESTIMATOR}
    assert scorer.name not in refused
    assert all(reason.startswith(("slower: ", "not tried: ")) for reason in refused.values())


@pytest.fixture
def known_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are as quick as SPEEDS says, and there is time to try them all."""

    def speed(_: Trial, scorer: Scorer) -> Speed:
        return SPEEDS[scorer.name]

    monkeypatch.setattr(Trial, "speed", speed)
    monkeypatch.setattr(choice, "BUDGET_SECONDS", 1e9)


@pytest.mark.usefixtures("known_speeds")
def test_the_quickest_is_chosen_and_the_others_are_told_by_how_much(bundle: ModelBundle, folder: Path) -> None:
    scorer = choose_scorer(bundle, folder)
    refused = dict(scorer.refused)
    assert scorer.name == TABLES
    assert refused[ONNX].startswith(f"not tried: {TABLES}")
    assert refused[LIGHTGBM] == f"slower: {SPEEDS[LIGHTGBM]}, against {SPEEDS[TABLES]}"
    assert refused[ESTIMATOR] == f"slower: {SPEEDS[ESTIMATOR]}, against {SPEEDS[TABLES]}"


@pytest.mark.usefixtures("known_speeds")
def test_once_the_time_is_spent_no_further_candidate_is_tried(
    bundle: ModelBundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "BUDGET_SECONDS", 0.0)
    scorer = choose_scorer(bundle, folder)
    assert scorer.name == TABLES
    assert dict(scorer.refused)[ESTIMATOR] == "not tried: the choice had taken 0 s"


@pytest.mark.usefixtures("known_speeds")
def test_estimators_without_trees_are_array_operations(tmp_path: Path) -> None:
    small = stored_bundle(tmp_path / "bundle", "logistic_regression")
    assert choose_scorer(small, tmp_path / "bundle").name == ARRAYS


@pytest.mark.parametrize("name", [TABLES, LIGHTGBM, ONNX, ESTIMATOR])
def test_every_candidate_is_right(name: str, bundle: ModelBundle, trial: Trial) -> None:
    assert trial.why_wrong(Candidates(bundle).build(name)) is None


def test_without_onnx_runtime_that_candidate_is_not_built(bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotCompiledError, match="onnx and onnxruntime are not installed"):
        Candidates(bundle).build(ONNX)


def test_a_candidate_of_other_scores_is_refused_by_the_golden_rows(bundle: ModelBundle, trial: Trial) -> None:
    moved = mapped(right_formula(bundle), lambda number: number + 1e-6, lambda numbers: numbers + 1e-6)
    assert "golden rows get other scores" in str(trial.why_wrong(wrong(bundle, moved)))


def test_a_candidate_that_is_wrong_for_single_rows_only_is_refused(bundle: ModelBundle, trial: Trial) -> None:
    right = right_formula(bundle)
    off = mapped(right, lambda number: number + 1e-6, lambda numbers: numbers)
    assert "scores of single rows are others than the bundle's" in str(trial.why_wrong(wrong(bundle, off)))


def test_a_candidate_that_splits_one_bit_off_is_refused_by_the_probes(bundle: ModelBundle, trial: Trial) -> None:
    """Golden rows do not notice that thresholds moved to the next double; probes lie right there."""
    right = right_formula(bundle)

    def nudged(X: np.ndarray) -> np.ndarray:
        return right.rows(np.nextafter(X, np.inf))

    reason = str(trial.why_wrong(wrong(bundle, generic(nudged))))
    assert "scores of a frame are others than the bundle's" in reason


def test_a_candidate_of_other_decisions_is_refused(bundle: ModelBundle, trial: Trial) -> None:
    compiled = Compiled(bundle, RowEncoder(bundle), right_formula(bundle), lambda _: lambda score: int(score < 0.5))
    reason = str(trial.why_wrong(CompiledScorer("wrong", compiled)))
    assert "decisions of single rows are others than the bundle's" in reason


def test_a_candidate_that_cannot_score_is_refused(bundle: ModelBundle, folder: Path, monkeypatch: Any) -> None:
    def broken(self: Candidates, name: str) -> CompiledScorer:
        def fail(X: np.ndarray) -> np.ndarray:
            raise RuntimeError(f"{len(X)} rows are too many")

        return wrong(bundle, generic(fail))

    monkeypatch.setattr(Candidates, "build", broken)
    scorer = choose_scorer(bundle, folder)
    assert isinstance(scorer, BundleScorer)
    assert dict(scorer.refused)[LIGHTGBM] == "it failed with a RuntimeError"


def test_a_transformer_that_cannot_be_compiled_leaves_the_bundle(bundle: ModelBundle, folder: Path) -> None:
    class Wrapped:
        def transform(self, frame: Any) -> Any:
            return bundle.transformer.transform(frame)

    scorer = choose_scorer(replace(bundle, transformer=Wrapped()), folder)
    assert scorer.name == "bundle"
    assert scorer.refused == (("compiled", "a Wrapped is no transformer that is known here"),)


def test_without_golden_rows_the_bundle_serves(bundle: ModelBundle, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", bundle, held_out(bundle).iloc[:0])
    assert choose_scorer(bundle, tmp_path / "bundle").name == "bundle"


def test_the_folder_has_to_hold_golden_rows(bundle: ModelBundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=GOLDEN_FILE):
        choose_scorer(bundle, tmp_path)


def test_probes_lie_at_thresholds_miss_values_and_name_unseen_categories(bundle: ModelBundle, folder: Path) -> None:
    golden, trees = read_golden(folder, bundle.info.columns).frame, Candidates(bundle).trees
    frame = probe_rows(golden, bundle, trees)
    assert len(frame) == len(golden) + PROBES
    assert frame["city"].isin(["never seen"]).any()
    assert frame["debt"].isna().any()
    assert frame["income"].isin(boundaries_of(bundle, trees)["income"]).sum() > 20
    np.testing.assert_array_equal(frame["income"].iloc[: len(golden)], golden["income"])


def test_threads_that_score_at_once_get_their_own_answers(bundle: ModelBundle, folder: Path) -> None:
    scorer, frame = choose_scorer(bundle, folder), held_out(bundle, 200)
    rows, expected = values_of(frame, bundle.info.columns), bundle.answers(frame)
    together = threading.Barrier(THREADS)

    def scored(first: int) -> bool:
        together.wait(timeout=120)
        right = True
        for place in [*range(first, len(rows), THREADS)] * 20:
            score, decision = scorer.score_row(rows[place])
            right &= score == expected.scores[place] and decision == expected.decisions[place]  # type: ignore[index]
            if place % 5 == 0:
                right &= bool((scorer.score_rows(rows[:50]).scores == expected.scores[:50]).all())
        return right

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(scored, range(THREADS)))


@pytest.mark.skipif(not MEMORY.exists(), reason="this system does not tell the memory of a process in /proc")
def test_memory_does_not_grow_with_answers_or_threads(bundle: ModelBundle, folder: Path) -> None:
    scorer = choose_scorer(bundle, folder)
    row = values_of(held_out(bundle, 1), bundle.info.columns)[0]

    def many(times: int) -> None:
        for _ in range(times):
            scorer.score_row(row)

    def in_threads(count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=many, args=(1,))
            thread.start()
            thread.join()

    def growth() -> int:
        before = own_bytes()
        many(MANY_SCORES)
        in_threads(MANY_THREADS)
        return own_bytes() - before

    many(1000)
    in_threads(200)
    # What grows with answers or threads grows in every round; other tests' leftovers may move a single one.
    assert min(growth() for _ in range(ROUNDS)) < MOST_GROWTH


def own_bytes() -> int:
    """Memory of this process alone; pages of files come and go as the system pleases."""
    gc.collect()
    resident, shared = map(int, MEMORY.read_text(encoding="ascii").split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
