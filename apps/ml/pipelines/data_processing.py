"""Stage 1: read the rows of a data set, validate them, divide them.

Reads `data_processing` of params.yaml and the data set's declaration. Writes artifacts/01_processed/,
reports/metrics/data_quality.json and reports/data_quality.html, or nothing at all.
"""

from pathlib import Path

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.catalogue import DATASETS_FOLDER, load_declaration
from apps.ml.data.preparation import Prepared, prepare
from apps.ml.data.processed import write_schema, write_split
from apps.ml.data.quality_page import quality_page
from apps.ml.data.sources import read_raw
from apps.ml.files import write_json, write_parquet, write_text
from apps.ml.parameters import read_parameters
from apps.ml.pipelines.stage import run_stage


def main(paths: ArtifactPaths = ArtifactPaths(), datasets: Path = DATASETS_FOLDER) -> None:  # noqa: B008 - frozen
    """Run the stage below `paths.root` on a data set that is declared in the folder `datasets`."""
    parameters = read_parameters(paths.parameters).data_processing
    declaration = load_declaration(parameters.dataset, datasets)
    prepared = prepare(declaration, read_raw(declaration), parameters)
    page = quality_page(declaration, prepared.quality)
    _write(paths, prepared, page)


def _write(paths: ArtifactPaths, prepared: Prepared, page: str) -> None:
    for name, split in prepared.splits.items():
        write_split(paths.processed, name, split)
    _write_quarantine(paths, prepared)
    write_schema(paths.processed, prepared.schema)
    write_json(paths.metric("data_quality"), prepared.quality)
    write_text(paths.data_quality_page, page)


def _write_quarantine(paths: ArtifactPaths, prepared: Prepared) -> None:
    path = paths.processed / "quarantine.parquet"
    # Outside DVC the folder may hold the rows of an earlier run.
    path.unlink(missing_ok=True)
    if prepared.quarantined is not None:
        write_parquet(path, prepared.quarantined)


if __name__ == "__main__":
    run_stage(main)
