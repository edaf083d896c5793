"""A repository with a small data set whose registry holds two versions: the first is champion, the second candidate."""

from pathlib import Path

from tests.workspace import Workspace, copy_of_repository, make_small

MODEL = "loan_applications"
ROWS = 3000
GATES = [{"name": "ranking", "metric": "performance.roc_auc", "at_least": 0.6}]
"""What so few rows can show."""


def make_registry(folder: Path) -> Workspace:
    """Run the pipeline twice, with two numbers of trees, and publish both; about a minute."""
    workspace = copy_of_repository(folder / "repository")
    make_small(workspace, ROWS)
    workspace.edit_parameters(
        model_registration__gates=GATES,
        model_registration__guards__group_performance__enabled=False,
        model_registration__guards__levelling_down__enabled=False,
    )
    workspace.commit("Ask of a small model what it can show")
    workspace.run("dvc", "repro")
    workspace.commit("First version")
    workspace.edit_parameters(
        model_registration__promote_passing=False, model_training__estimators__lightgbm__n_estimators=50
    )
    workspace.commit("Grow more trees")
    workspace.run("dvc", "repro")
    workspace.commit("Second version")
    return workspace
