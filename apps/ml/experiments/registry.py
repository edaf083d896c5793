"""The registry: versions of the model of a data set, which one is the candidate, which one the champion.

The candidate is the version that the working tree holds. A version becomes champion by itself only when it is new,
comes back, newly passes its gates, or was refused beside the present champion, whose comparison may come out otherwise
under other rules; so publishing once more neither undoes a promotion by hand nor a roll back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.errors import RegistryError
from apps.ml.evaluation.gates.judging import Verdict
from apps.ml.experiments import tags
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.tracking_address import ABSENT_CODES
from apps.ml.validation_errors import nearest_name

LONGEST_HISTORY = 100
MODELS_PER_PAGE = 500
COPIED_TAGS = (
    tags.FINGERPRINT,
    tags.EVIDENCE,
    tags.BASIS,
    tags.VERDICT,
    tags.COMMIT,
    tags.DIRTY,
    tags.LOCK,
    tags.DATA,
    tags.SOURCE,
    tags.DATASET,
)
"""Facts of a run that its version repeats, so that whoever serves it needs no run."""


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `number` as MLflow writes it."""

    name: str
    number: str
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: int

    @property
    def verdict(self) -> Verdict:
        """What the gates said last."""
        return verdict_in(self.tags)


def verdict_in(facts: Mapping[str, str]) -> Verdict:
    """Return the verdict among the tags of a run or version; what was never judged is inconclusive."""
    found = facts.get(tags.VERDICT)
    return "PASS" if found == "PASS" else "FAIL" if found == "FAIL" else "INCONCLUSIVE"


def model_names(store: TrackingStore) -> list[str]:
    """Return the names of all registered models, in order."""
    return sorted(model.name for model in _all_models(store))


def list_versions(store: TrackingStore, name: str) -> list[Version]:
    """Return the versions of a model, the newest first.

    Raises
    ------
    RegistryError
        There is no such model.
    """
    aliases = _aliases(_model(store, name))
    found = store.client.search_model_versions(f"name = '{name}'")
    return sorted((_version(entry, aliases) for entry in found), key=lambda one: int(one.number), reverse=True)


def find_version(store: TrackingStore, name: str, number: str | None = None, alias: str | None = None) -> Version:
    """Return one version: by number, by alias, else the champion.

    Raises
    ------
    RegistryError
        There is no such model, version or alias.
    """
    aliases = _aliases(_model(store, name))
    wanted = number or aliases.get(alias or tags.CHAMPION_ALIAS)
    if wanted is None:
        raise RegistryError(
            f"The model '{name}' has no {alias or tags.CHAMPION_ALIAS}{_end(alias, list(aliases)) if alias else '.'} "
            f"`fairmind models list` shows its versions; `fairmind models promote {name} --version N` makes a champion."
        )
    numbers = {one.number: one for one in list_versions(store, name)}
    if wanted not in numbers:
        raise RegistryError(f"The model '{name}' has no version {wanted}; it has: {', '.join(numbers)}. Choose one.")
    return numbers[wanted]


def version_of_run(store: TrackingStore, run: Any) -> tuple[Version, bool]:
    """Return the version that holds a run's fingerprint, made if there is none, and whether it was made now."""
    name = run.data.tags[tags.DATASET]
    present = list_versions(store, name) if _found_model(store, name) else []
    for version in present:
        if version.tags.get(tags.FINGERPRINT) == run.data.tags[tags.FINGERPRINT]:
            return version, False
    return _create_version(store, run), True


def register_candidate(
    store: TrackingStore, run: Any, promote_passing: bool, admits: Callable[[Version], bool]
) -> Version:
    """Make a run's version the candidate, and the champion where its gates allow it (see the module).

    `admits` says whether the version may take the champion's place; it is asked last, and not about the champion.
    """
    before, is_new = version_of_run(store, run)
    returns = tags.CANDIDATE_ALIAS not in before.aliases
    newly_passes = before.verdict != "PASS"
    _copy_tags(store, before, run)
    store.client.set_registered_model_alias(before.name, tags.CANDIDATE_ALIAS, before.number)
    version = find_version(store, before.name, before.number)
    champion = _aliases(_model(store, version.name)).get(tags.CHAMPION_ALIAS)
    occasion = is_new or returns or newly_passes or champion is None or _was_refused_beside(champion, before)
    may = promote_passing and version.verdict == "PASS" and tags.ROLLED_BACK not in version.tags
    if may and occasion and (champion == version.number or admits(version)):
        make_champion(store, version)
    return find_version(store, version.name, version.number)


def make_champion(store: TrackingStore, version: Version) -> None:
    """Let the alias `champion` name a version, and note it in the history of champions."""
    present = _aliases(_model(store, version.name)).get(tags.CHAMPION_ALIAS)
    history = champions(store, version.name)
    if present is not None and present not in history[-1:]:
        history.append(present)
    if version.number not in history[-1:]:
        history.append(version.number)
    write_champions(store, version.name, history)
    store.client.set_registered_model_alias(version.name, tags.CHAMPION_ALIAS, version.number)


def champions(store: TrackingStore, name: str) -> list[str]:
    """Return the numbers of the versions that were champion, oldest first."""
    written = _model(store, name).tags.get(tags.HISTORY, "")
    return [number for number in written.split(",") if number]


def write_champions(store: TrackingStore, name: str, history: list[str]) -> None:
    """Write the history of champions, the newest hundred of it."""
    store.client.set_registered_model_tag(name, tags.HISTORY, ",".join(history[-LONGEST_HISTORY:]))


def model_location(store: TrackingStore, model_id: str) -> str:
    """Return where a model is found: a server looks it up, a database would look in the process's default store."""
    if store.is_server:
        return f"models:/{model_id}"
    return str(store.client.get_logged_model(model_id).artifact_location)


def _was_refused_beside(champion: str, version: Version) -> bool:
    said, beside = (version.tags.get(tag) for tag in (tags.COMPARISON, tags.COMPARED_WITH))
    return said in ("FAIL", "INCONCLUSIVE") and beside == champion


def _create_version(store: TrackingStore, run: Any) -> Version:
    name = run.data.tags[tags.DATASET]
    model_id = run.data.tags[tags.MODEL]
    if not _found_model(store, name):
        store.client.create_registered_model(name, description=f"The model of the data set {name}.")
    copied = {tag: run.data.tags[tag] for tag in COPIED_TAGS if tag in run.data.tags}
    entry = store.client.create_model_version(
        name, source=model_location(store, model_id), run_id=run.info.run_id, tags=copied, model_id=model_id
    )
    return _version(entry, {})


def _copy_tags(store: TrackingStore, version: Version, run: Any) -> None:
    for tag in COPIED_TAGS:
        value = run.data.tags.get(tag)
        if value is not None and version.tags.get(tag) != value:
            store.client.set_model_version_tag(version.name, version.number, tag, value)


def _all_models(store: TrackingStore) -> list[Any]:
    models: list[Any] = []
    token = None
    while True:
        page = store.client.search_registered_models(max_results=MODELS_PER_PAGE, page_token=token)
        models += page
        token = page.token
        if not token:
            return models


def _found_model(store: TrackingStore, name: str) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        return store.client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code in ABSENT_CODES:
            return None
        raise


def _model(store: TrackingStore, name: str) -> Any:
    found = _found_model(store, name)
    if found is None:
        end = _end(name, model_names(store))
        raise RegistryError(f"There is no registered model '{name}'{end} `dvc repro` trains and registers one.")
    return found


def _end(name: str, valid: list[str]) -> str:
    """End a sentence with the nearest or the valid names."""
    hint = nearest_name(name, valid)
    return hint if hint.endswith("?") else f"{hint}."


def _aliases(model: Any) -> dict[str, str]:
    """Return alias → number; a search for versions may leave them out."""
    return {alias: str(number) for alias, number in model.aliases.items()}


def _version(entry: Any, aliases: Mapping[str, str]) -> Version:
    number = str(entry.version)
    own = tuple(sorted(alias for alias, target in aliases.items() if target == number))
    return Version(entry.name, number, str(entry.run_id), own, dict(entry.tags), int(entry.creation_timestamp))
