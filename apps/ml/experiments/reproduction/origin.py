"""Where a run came from: which commit, under which parameters, and what is known about changes beside it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import LOCK_FILE, PARAMETERS_FILE
from apps.ml.errors import BadInputError
from apps.ml.experiments import tags
from apps.ml.experiments.provenance import NO_COMMIT, git_output
from apps.ml.experiments.references import find_any_run
from apps.ml.experiments.runs import experiment_names
from apps.ml.experiments.tracking import TrackingStore

PIPELINE_FILE = Path("dvc.yaml")
EXPERIMENT_REFS = "refs/exps"


@dataclass(frozen=True)
class Origin:
    """A run and what it takes to make it again.

    `commit`: to check out. `experiment`: the DVC experiment whose own commit that is, None for a commit of a branch;
    `git_ref`: where Git keeps the experiment. `dirty`: the run was made with changes that `commit` does not hold.
    `parameters`, `pipeline`, `lock`: text of params.yaml, dvc.yaml and dvc.lock as the run logged them, the latter two
    None where it logged none.
    """

    run: Any
    commit: str
    experiment: str | None
    git_ref: str | None
    dirty: bool
    parameters: str
    pipeline: str | None
    lock: str | None


def find_origin(store: TrackingStore, reference: str, root: Path) -> Origin:
    """Return the origin of the run that `reference` means.

    Parameters
    ----------
    store : TrackingStore
    reference
        As for :func:`apps.ml.experiments.references.find_any_run`.
    root
        The repository, which may hold the commits of DVC experiments.

    Raises
    ------
    RegistryError
        The reference means no run.
    BadInputError
        The run names no commit, or logged no params.yaml.
    """
    run = find_any_run(store, reference)
    experiment, git_ref = _experiment(run, reference, root)
    commit = git_output(root, "rev-parse", git_ref) if git_ref else run.data.tags.get(tags.COMMIT)
    if commit in (None, NO_COMMIT):
        raise BadInputError(
            f"Run {run.info.run_id} was published outside Git, so nothing says which code it ran. Commit the code and "
            "run `dvc repro`."
        )
    parameters = _logged(store, run, PARAMETERS_FILE)
    if parameters is None:
        raise BadInputError(f"Run {run.info.run_id} logged no {PARAMETERS_FILE}. Run `dvc repro` at its commit.")
    return Origin(
        run=run,
        commit=str(commit),
        experiment=experiment,
        git_ref=git_ref,
        dirty=git_ref is None and run.data.tags.get(tags.DIRTY) == "true",
        parameters=parameters,
        pipeline=_logged(store, run, PIPELINE_FILE),
        lock=_logged(store, run, LOCK_FILE),
    )


def _experiment(run: Any, reference: str, root: Path) -> tuple[str | None, str | None]:
    """Return the DVC experiment that holds what the run was made from, and its Git reference, where both exist."""
    names = experiment_names(run)
    asked = [reference] if reference in names else names if run.data.tags.get(tags.DIRTY) == "true" else []
    for name in asked:
        baseline = run.data.tags[tags.EXPERIMENT + name]
        git_ref = f"{EXPERIMENT_REFS}/{baseline[:2]}/{baseline[2:]}/{name}"
        if git_output(root, "rev-parse", "--verify", "--quiet", git_ref):
            return name, git_ref
    return None, None


def _logged(store: TrackingStore, run: Any, name: Path) -> str | None:
    if name.as_posix() not in {entry.path for entry in store.client.list_artifacts(run.info.run_id)}:
        return None
    with tempfile.TemporaryDirectory(prefix="fairmind-origin-") as folder:
        path = store.client.download_artifacts(run.info.run_id, name.as_posix(), folder)
        return Path(path).read_text(encoding="utf-8")
