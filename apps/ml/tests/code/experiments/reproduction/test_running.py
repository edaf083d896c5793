from pathlib import Path

import pytest
import yaml

from apps.ml.errors import BadInputError
from apps.ml.experiments.reproduction.running import run_stages


def workspace(root: Path, **commands: str) -> Path:
    """A DVC repository outside Git with one stage per command."""
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(
        "[core]\n    no_scm = True\n    analytics = false\n    check_update = false\n"
    )
    stages = {name: {"cmd": command, "outs": [name]} for name, command in commands.items()}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    return root


def test_every_stage_runs_and_is_told_when_it_starts(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = workspace(tmp_path / "clone", one="echo 1 > one", two="echo $MLFLOW_TRACKING_URI > two")
    assert sorted(run_stages(folder, tmp_path, lambda *said: told.append(said))) == ["one", "two"]
    assert [(number, stages) for _, number, stages in told] == [(1, 2), (2, 2)]
    assert (folder / "two").read_text() == f"sqlite:///{folder}/mlflow.db\n"
    assert sorted(run_stages(folder, tmp_path, lambda *_: None)) == ["one", "two"]  # nothing is taken from the cache


def test_a_stage_that_fails_is_told_with_what_it_printed(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "clone", one="echo no such column >&2; exit 2")
    with pytest.raises(BadInputError, match=r"(?s)exit code 255.*no such column.*--keep DIR keeps the clone"):
        run_stages(folder, tmp_path, lambda *_: None)
