from pathlib import Path

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments.costs import NOT_FITTED_HERE, SPEED_ROWS, costs_of, scoring_seconds, together
from apps.ml.experiments.run_content import FlatMetrics
from apps.ml.files import sha256_of_file, write_json
from apps.ml.models.bundle import read_bundle
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.models.golden_rows import read_golden


def note(paths: ArtifactPaths, digest: str) -> None:
    content = {"bundle_sha256": digest, "seconds": 2.5, "cpu_count": 4}
    write_json(paths.duration("model_training"), content)


def test_the_time_to_fit_counts_only_for_the_bundle_that_it_speaks_of(finished: ArtifactPaths) -> None:
    note(finished, sha256_of_file(finished.bundle / MANIFEST_FILE))
    assert costs_of(finished).values["cost.fit_seconds"] == 2.5
    assert costs_of(finished).values["cost.fit_cpu_count"] == 4
    note(finished, "0" * 64)
    assert costs_of(finished).undefined == {"cost.fit_seconds": NOT_FITTED_HERE}
    finished.duration("model_training").unlink()
    assert costs_of(finished).undefined == {"cost.fit_seconds": NOT_FITTED_HERE}


def test_the_size_is_that_of_all_files_of_the_bundle(tmp_path: Path) -> None:
    paths = ArtifactPaths(tmp_path)
    (paths.bundle / "part").mkdir(parents=True)
    (paths.bundle / "a").write_bytes(b"12345")
    (paths.bundle / "part" / "b").write_bytes(b"12")
    assert costs_of(paths).values == {"cost.bundle_bytes": 7.0}


def test_collections_of_metrics_are_put_together() -> None:
    both = together(FlatMetrics({"a": 1.0}, {}), FlatMetrics({"b": 2.0}, {"c": "why"}))
    assert (both.values, both.undefined) == ({"a": 1.0, "b": 2.0}, {"c": "why"})


def test_the_time_to_answer_is_a_median_within_its_interval(finished: ArtifactPaths) -> None:
    bundle = read_bundle(finished.bundle)
    rows = read_golden(finished.bundle, bundle.info.columns).frame
    assert len(rows) < SPEED_ROWS
    found = scoring_seconds({"one": (bundle, rows), "same": (bundle, rows)})
    assert list(found) == ["one", "same"]
    assert 0 < found["one"]["lower"] <= found["one"]["value"] <= found["one"]["upper"]
