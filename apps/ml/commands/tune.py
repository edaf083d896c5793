"""`fairmind tune`: search better options of an estimator by cross-validation, in one process or many."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, ParameterError

if TYPE_CHECKING:
    from apps.ml.experiments.tuning.outcome import Outcome
    from apps.ml.parameters import Parameters

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it."""


def tune(
    trials: Annotated[
        int | None, typer.Option(help="Trials of the whole study, those of earlier runs included.")
    ] = None,
    seconds: Annotated[int | None, typer.Option(help="Start no trial after so many seconds; 0: no limit.")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe, random, grid or nsga2.")] = None,
    pruner: Annotated[str | None, typer.Option(help="hyperband, successive_halving or none.")] = None,
    estimator: Annotated[list[str] | None, typer.Option(help="What is tuned; give it again for several.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is made small or large, such as log_loss or roc_auc.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study. Default: the data set and a digest.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a study that must exist.")] = False,
    storage: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE or postgresql://…; default: FAIRMIND_TUNING_STORAGE, else a file."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    ray_workers: Annotated[int, typer.Option(min=0, help="Workers on Ray in place of processes.")] = 0,
    ray_address: Annotated[str | None, typer.Option(help="Of a Ray cluster; default: one is started here.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the winner into params.yaml.")] = False,
    output: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder of the report. Default: below artifacts/tuning/.")
    ] = None,
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Leave the tracking store alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Search better options; options given here take the place of `model_tuning` in params.yaml.

    The same command run again, here or elsewhere on the same storage, goes on with the same study.
    """
    from apps.ml.experiments.tuning.problem import read_problem
    from apps.ml.experiments.tuning.storage import place_of

    paths = ArtifactPaths()
    asked = {"trials": trials, "seconds": seconds, "sampler": sampler, "pruner": pruner, "metric": metric}
    parameters = _parameters(paths, {**asked, "estimators": list(estimator) if estimator else None})
    if ray_address and not ray_workers:
        raise ParameterError("--ray-address needs --ray-workers: how many workers to start there. Give it.")
    if not no_mlflow:
        _require_tracking_store()
    problem = read_problem(paths, parameters)
    name = study or problem.name
    run = StudyRun(
        paths, problem, place_of(storage, paths.studies / f"{name}.db"), name, resume, workers, ray_workers, ray_address
    )
    folder = output or paths.studies / name
    outcome, figures = _run(run, folder, publish=not no_mlflow)
    if apply:
        _apply(paths, outcome)
    _show(outcome, {**figures, "applied": apply}, folder, as_json)


class StudyRun:
    """One call of the command: what is worked on, where, and by whom."""

    def __init__(
        self,
        paths: ArtifactPaths,
        problem: Any,
        place: Any,
        name: str,
        resume: bool,
        workers: int,
        ray_workers: int,
        ray_address: str | None,
    ) -> None:
        self.paths, self.problem, self.place, self.name, self.resume = paths, problem, place, name, resume
        self.workers, self.ray_workers, self.ray_address = workers, ray_workers, ray_address

    @property
    def workers_in_all(self) -> int:
        """Workers that suggest at the same time."""
        return self.ray_workers or self.workers

    def work(self, study: Any) -> None:
        """Work until the budget is spent, showing how far it is."""
        from apps.ml.experiments.tuning.distributed import run_on_ray
        from apps.ml.experiments.tuning.progress import tuning_progress
        from apps.ml.experiments.tuning.running import run_here, run_in_processes
        from apps.ml.experiments.tuning.working import Budget

        tuning = self.problem.tuning
        budget = Budget(tuning.trials, time.time() + tuning.seconds if tuning.seconds else None)
        with tuning_progress(self.problem, budget) as tell:
            if self.ray_workers:
                run_on_ray(self.problem, study, self.name, budget, self.ray_workers, tell, self.ray_address)
            elif self.workers > 1:
                run_in_processes(self.problem, study, self.name, budget, self.workers, tell)
            else:
                run_here(self.problem, study, budget, tell)


def _run(run: StudyRun, folder: Path, publish: bool) -> tuple["Outcome", dict[str, Any]]:
    from apps.ml.experiments.tuning.outcome import outcome_of
    from apps.ml.experiments.tuning.publishing import publish_study
    from apps.ml.experiments.tuning.records import trial_records
    from apps.ml.experiments.tuning.report import write_report
    from apps.ml.experiments.tuning.storage import failures_of
    from apps.ml.experiments.tuning.study import opened

    started = time.perf_counter()
    with opened(run.problem, run.place, run.name, run.workers_in_all, run.resume) as study, failures_of(run.place):
        try:
            run.work(study)
        except KeyboardInterrupt:
            _say_interrupted(run, study)
            raise typer.Exit(INTERRUPTED) from None
        seconds = time.perf_counter() - started
        outcome = outcome_of(run.name, run.problem, trial_records(run.problem, study.study.get_trials(deepcopy=False)))
        write_report(folder, outcome)
        run_id = publish_study(run.paths, outcome, folder, study) if publish else None
    return outcome, {"storage": run.place.shown, "run": run_id, "seconds": seconds}


def _parameters(paths: ArtifactPaths, asked: Mapping[str, Any]) -> "Parameters":
    """Return params.yaml with the options of the command in it, checked together."""
    import yaml

    from apps.ml.parameters import check_parameters, read_parameters

    given = {key: value for key, value in asked.items() if value is not None}
    if not given:
        return read_parameters(paths.parameters)
    read_parameters(paths.parameters)
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content["model_tuning"] = {**(content.get("model_tuning") or {}), **given}
    return check_parameters(content, "the options of the command")


def _require_tracking_store() -> None:
    """Find out before hours are spent that the study could not be published."""
    from apps.ml.experiments.tracking import answering_store

    with answering_store():
        pass


def _say_interrupted(run: StudyRun, study: Any) -> None:
    from apps.ml.experiments.tuning.working import standing

    found = standing(study.study.get_trials(deepcopy=False))
    print(
        f"interrupted after {found.finished} of {run.problem.tuning.trials} trials; nothing is lost. The same command "
        f"goes on with the study {run.name}.",
        file=sys.stderr,
    )


def _apply(paths: ArtifactPaths, outcome: "Outcome") -> None:
    from apps.ml.experiments.tuning.winner import apply_winner

    if not outcome.values:
        raise BadInputError(f"nothing was written into params.yaml: {outcome.picked.reason}")
    apply_winner(paths.parameters, outcome.values)


def _show(outcome: "Outcome", figures: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**outcome.to_dict(), **figures, "report": str(folder)}, ensure_ascii=False))
        return
    from apps.ml.commands.tuning_tables import show_outcome

    show_outcome(outcome, figures, folder)
