"""Stage of its own: search better options on training and validation rows, and write what was found.

Reads artifacts/01_processed and artifacts/02_features, writes reports/tuning. The study is made anew each time, in
memory and by one process, so that the same inputs give the same files. Nothing downstream reads them: a person writes
the winner into params.yaml (`fairmind tune --apply` does both).
"""

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.outcome import outcome_of
from apps.ml.experiments.tuning.problem import read_problem
from apps.ml.experiments.tuning.progress import tuning_progress
from apps.ml.experiments.tuning.records import trial_records
from apps.ml.experiments.tuning.report import write_report
from apps.ml.experiments.tuning.running import run_here
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import Budget
from apps.ml.parameters import read_parameters
from apps.ml.pipelines.stage import run_stage


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Run the whole study that `model_tuning` describes and write its report."""
    parameters = read_parameters(paths.parameters)
    tuning = parameters.model_tuning
    if tuning.seconds:
        raise ParameterError(
            f"model_tuning.seconds: {tuning.seconds} seconds are another number of trials on another machine, and the "
            "outputs of a stage must not depend on that. Set it to 0 and limit `trials`, or run `fairmind tune`."
        )
    problem = read_problem(paths, parameters)
    budget = Budget(tuning.trials)
    with opened(problem, Place(), problem.name) as study, tuning_progress(problem, budget) as tell:
        run_here(problem, study, budget, tell)
        records = trial_records(problem, study.study.get_trials(deepcopy=False))
    write_report(paths.tuning, outcome_of(problem.name, problem, records))


if __name__ == "__main__":
    run_stage(main)
