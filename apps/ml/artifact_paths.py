"""The only module that names a path under `artifacts/` or `reports/`.

All paths hang from a root, by default the current directory: DVC starts every stage in the root of the
workspace, which in a queued or temporary experiment is a copy of the repository.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PARAMETERS_FILE = Path("params.yaml")
LOCK_FILE = Path("dvc.lock")
STAGES = ("data_processing", "feature_engineering", "model_training", "model_evaluation", "model_registration")
SPLITS = ("train", "validation", "test")
METRICS = ("data_quality", "performance", "fairness", "explainability", "registration")


@dataclass(frozen=True)
class ArtifactPaths:
    """Where each stage reads and writes, below `root`."""

    root: Path = Path()

    @property
    def parameters(self) -> Path:
        return self.root / PARAMETERS_FILE

    @property
    def lock(self) -> Path:
        return self.root / LOCK_FILE

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def processed(self) -> Path:
        return self.artifacts / "01_processed"

    @property
    def features(self) -> Path:
        return self.artifacts / "02_features"

    @property
    def bundle(self) -> Path:
        return self.artifacts / "03_models" / "bundle"

    @property
    def predictions(self) -> Path:
        return self.artifacts / "04_predictions"

    @property
    def publication(self) -> Path:
        return self.artifacts / "05_registration"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def plots(self) -> Path:
        return self.reports / "plots"

    @property
    def evidence(self) -> Path:
        return self.reports / "evidence.json"

    @property
    def report(self) -> Path:
        return self.reports / "report.html"

    @property
    def model_card(self) -> Path:
        return self.reports / "model_card.md"

    @property
    def documents(self) -> Path:
        return self.reports / "documents"

    @property
    def counts(self) -> Path:
        return self.predictions / "counts.parquet"

    @property
    def explanation_basis(self) -> Path:
        """What people are compared with in explanations: values per column, and no row."""
        return self.predictions / "explanation_basis.json"

    @property
    def data_quality_page(self) -> Path:
        return self.reports / "data_quality.html"

    @property
    def tuning(self) -> Path:
        return self.reports / "tuning"

    @property
    def studies(self) -> Path:
        return self.artifacts / "tuning"

    def duration(self, stage: str) -> Path:
        """Path of the note of how long a stage's work took; no output of any stage."""
        return self.artifacts / "durations" / f"{stage}.json"

    def metric(self, name: str) -> Path:
        """Path of one metric file; `name` is one of :data:`METRICS`."""
        if name not in METRICS:
            raise ValueError(f"no metric file is called {name!r}; use one of {', '.join(METRICS)}")
        return self.reports / "metrics" / f"{name}.json"


def repository_root() -> Path:
    """Root of the repository that outlives this process.

    DVC sets `DVC_ROOT` for the stages it runs; in a queued or temporary experiment it names the parent
    repository and not the copy. Relative addresses that must outlive the copy (tracking database, original
    data) are resolved from here.
    """
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()
