"""The candidate and the champion on the same rows, before the alias moves.

The champion's bundle comes from the store, is checked file by file and against its golden rows as wherever a bundle is
read, and answers the candidate's test rows. What cannot be compared is INCONCLUSIVE, with the reason. The result is
kept with the candidate's run as champion_comparison.json. It never enters registration.json: a clone with an empty
store must write the same file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import GROUP, ProcessedSchema, ProcessedSplit, read_schema, read_split
from apps.ml.errors import BundleError
from apps.ml.evaluation.gates.champion import ChampionJudgement, judge_against_champion
from apps.ml.evaluation.gates.changes import PairedRows
from apps.ml.evaluation.gates.judging import Verdict
from apps.ml.evaluation.gates.number_changes import PairedNumbers, judge_numbers_against_champion
from apps.ml.evaluation.gates.tasks import gates_for
from apps.ml.experiments import registry, tags
from apps.ml.experiments.fingerprint import dvc_digest
from apps.ml.experiments.registry import Version
from apps.ml.experiments.stored_bundle import read_stored_bundle
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.files import rounded
from apps.ml.models.bundle import BundleInfo, ModelBundle
from apps.ml.parameters import Parameters, read_parameters

COMPARISON_FILE = "champion_comparison.json"
NO_CHAMPION = "there is no champion yet: nothing to compare with"
SAME_BUNDLE = "both hold the same bundle: no answer changes"
OTHER_DATA = "the champion was trained on other rows; where these test rows are among them, it looks better than it is"
OVERRIDING = "Promote with --override and a reason."
RESTORING = "Restore them, or promote with --override and a reason."


@dataclass(frozen=True)
class ChampionComparison:
    """What a candidate changes, and whether it may become champion.

    `champion`: number of the version it was compared with, None where there is none, and then there is no `verdict`.
    `details`: gates, guards and changes, as :class:`apps.ml.evaluation.gates.champion.ChampionJudgement` writes them.
    """

    champion: str | None
    verdict: Verdict | None
    reason: str
    promotes: bool
    details: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content of champion_comparison.json."""
        own = {"champion": self.champion, "verdict": self.verdict, "reason": self.reason, "promotes": self.promotes}
        return {**own, **self.details}


@dataclass(frozen=True)
class _Refused:
    """Why two models cannot be compared, in words that end with the repair."""

    reason: str


def compare_with_champion(store: TrackingStore, run: Any, paths: ArtifactPaths) -> ChampionComparison:
    """Compare the model of a run with the champion of its data set, on the test rows below `paths.root`.

    Parameters
    ----------
    store : TrackingStore
    run
        MLflow's run that holds the candidate's model.
    paths : ArtifactPaths
        Where the candidate's test rows and the rules (params.yaml) are.

    Raises
    ------
    ParameterError
        A gate names an attribute or a group that the rows do not have.
    """
    champion = present_champion(store, run.data.tags[tags.DATASET])
    if champion is None:
        return ChampionComparison(None, None, NO_CHAMPION, True, {})
    parameters = read_parameters(paths.parameters)
    promotes = {"PASS": True, "INCONCLUSIVE": parameters.model_registration.champion.inconclusive == "promote"}
    content = _compare(store, run, champion, paths, parameters)
    verdict: Verdict = content.pop("verdict")
    reason = content.pop("reason")
    return ChampionComparison(champion.number, verdict, reason, promotes.get(verdict, False), content)


def present_champion(store: TrackingStore, name: str) -> Version | None:
    """Return the champion of a model, None where there is no model or no champion."""
    if name not in registry.model_names(store):
        return None
    return next((one for one in registry.list_versions(store, name) if tags.CHAMPION_ALIAS in one.aliases), None)


def log_comparison(store: TrackingStore, comparison: ChampionComparison, run_id: str, version: Version | None) -> None:
    """Keep a comparison with the candidate's run as a file, and its verdict as tags of the run and of its version."""
    text = json.dumps(rounded(comparison.to_dict()), indent=2, ensure_ascii=False)
    store.client.log_text(run_id, text, COMPARISON_FILE)
    said = {tags.COMPARISON: comparison.verdict or "none", tags.COMPARED_WITH: comparison.champion or "none"}
    for tag, value in said.items():
        store.client.set_tag(run_id, tag, value)
        if version is not None:
            store.client.set_model_version_tag(version.name, version.number, tag, value)


def _compare(
    store: TrackingStore, run: Any, champion: Version, paths: ArtifactPaths, parameters: Parameters
) -> dict[str, Any]:
    rows = _test_rows(run, paths)
    if isinstance(rows, _Refused):
        return _inconclusive(rows)
    schema, split = rows
    place = store.client.get_model_version_download_uri(champion.name, champion.number)
    try:
        location = registry.model_location(store, run.data.tags[tags.MODEL])
        new, new_digest = read_stored_bundle(store, location, "the candidate", RESTORING)
        old, old_digest = read_stored_bundle(store, place, f"version {champion.number}, the champion,", RESTORING)
    except BundleError as error:
        return _inconclusive(_Refused(str(error)))
    if new_digest == old_digest:
        return {"verdict": "PASS", "reason": SAME_BUNDLE}
    refused = _why_not(new.info, old.info, schema, split)
    if refused is not None:
        return _inconclusive(refused)
    found = _judged(new, old, split, parameters)
    same_data = champion.tags.get(tags.DATA) == run.data.tags.get(tags.DATA)
    note = {} if same_data else {"note": OTHER_DATA}
    return {**found.to_dict(), **note, "rows": len(split)}


def _test_rows(run: Any, paths: ArtifactPaths) -> tuple[ProcessedSchema, ProcessedSplit] | _Refused:
    """Return the rows that tested the candidate, if they are the ones in the working tree."""
    if not (paths.processed / "test.parquet").exists():
        return _Refused(f"{paths.processed} holds no test rows. Run `dvc checkout` or `dvc repro` and promote again.")
    if dvc_digest(paths.processed) != run.data.tags.get(tags.DATA):
        return _Refused(
            f"{paths.processed} holds other rows than those that tested the candidate. Check out the commit that "
            "`fairmind models lineage` names, run `dvc checkout` and promote again."
        )
    return read_schema(paths.processed), read_split(paths.processed, "test")


def _why_not(new: BundleInfo, old: BundleInfo, schema: ProcessedSchema, split: ProcessedSplit) -> _Refused | None:
    """Say why the champion cannot answer the candidate's rows, or answers another question."""
    if (new.task, new.favourable, new.positive_name) != (old.task, old.favourable, old.positive_name):
        return _Refused(f"the champion predicts another event, or another outcome is the favourable one. {OVERRIDING}")
    kinds = {column.name: column.kind for column in schema.columns if column.name in split.features.columns}
    kinds |= {GROUP + str(attribute): "categorical" for attribute in split.groups.columns}
    missing = [f"'{column.name}'" for column in old.columns if column.name not in kinds]
    if missing:
        return _Refused(f"the rows lack columns that the champion reads: {', '.join(missing)}. {OVERRIDING}")
    other = [f"'{column.name}'" for column in old.columns if kinds[column.name] != column.kind]
    if other:
        return _Refused(f"the champion knows columns as another kind: {', '.join(other)}. {OVERRIDING}")
    return None


def _judged(new: ModelBundle, old: ModelBundle, split: ProcessedSplit, parameters: Parameters) -> ChampionJudgement:
    rules = parameters.model_registration
    rules = rules.model_copy(update={"gates": gates_for(new.info.task, rules.gates).gates})
    ours, theirs = (bundle.answers(split.inputs(bundle.info.columns)) for bundle in (new, old))
    if ours.decisions is None or theirs.decisions is None:
        numbers = PairedNumbers(split.labels, ours.scores, theirs.scores, split.groups)
        return judge_numbers_against_champion(rules, parameters.model_evaluation, numbers)
    rows = PairedRows(
        labels=split.labels,
        new_scores=ours.scores,
        old_scores=theirs.scores,
        new_decisions=ours.decisions,
        old_decisions=theirs.decisions,
        groups=split.groups,
    )
    return judge_against_champion(rules, parameters.model_evaluation, rows, new.info.favourable)


def _inconclusive(refused: _Refused) -> dict[str, Any]:
    return {"verdict": "INCONCLUSIVE", "reason": f"not comparable: {refused.reason}"}
