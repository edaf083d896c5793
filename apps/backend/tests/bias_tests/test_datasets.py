"""Data sets and tests belong to one organisation; files without a data set go."""

import os
import time

import httpx
import pytest

from apps.backend.bias_tests.datasets import remove_left_files
from apps.backend.identifiers import new_id
from apps.backend.tests.bias_tests.conftest import API, TABLE, Bench


def test_data_sets_are_listed_in_pages_the_newest_first(bench: Bench) -> None:
    made = [bench.upload(TABLE, data={"name": f"number {number}"}).json()["dataset_id"] for number in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = bench.viewer.get(f"{API}/datasets", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["dataset_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    assert cursor is None
    assert "preview" not in page["items"][0]
    assert page["items"][0]["rows"] == 30


def test_a_removed_data_set_is_gone_with_its_file(bench: Bench) -> None:
    dataset = bench.dataset()
    assert bench.viewer.delete(f"{API}/datasets/{dataset}").status_code == 403
    assert bench.files() == [dataset]
    answer = bench.analyst.delete(f"{API}/datasets/{dataset}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert bench.files() == []
    assert bench.viewer.get(f"{API}/datasets/{dataset}").status_code == 404
    assert bench.analyst.delete(f"{API}/datasets/{dataset}").status_code == 404


def test_another_organisation_finds_nothing(bench: Bench) -> None:
    test = bench.detect().json()
    dataset = test["dataset_id"]
    others = bench.product.organisation(f"others of {bench.organisation.name}").client("admin")
    body = {
        "model_id": "loans",
        "dataset_id": dataset,
        "protected_attribute": "sex",
        "prediction_column": "approved",
    }
    refusals = [
        others.get(f"{API}/datasets/{dataset}"),
        others.delete(f"{API}/datasets/{dataset}"),
        others.post(f"{API}/detect", json=body),
        others.get(f"{API}/test/{test['test_id']}"),
        others.get(f"{API}/test/{test['test_id']}/evidence"),
        others.get(f"{API}/test/{test['test_id']}/groups.csv"),
    ]
    unknown = others.get(f"{API}/datasets/{new_id()}")
    for refusal in refusals:
        assert refusal.status_code == unknown.status_code == 404
        assert words(refusal) in (words(unknown), words(others.get(f"{API}/test/{new_id()}")))
    assert others.get(f"{API}/datasets").json()["items"] == []
    assert others.get(f"{API}/history").json()["items"] == []
    assert others.get(f"{API}/history", params={"dataset_id": dataset}).json()["items"] == []
    statistics = others.get(f"{API}/statistics").json()
    assert (statistics["total_tests"], statistics["datasets"], statistics["models"]) == (0, 0, [])
    assert bench.files() == [dataset]
    assert bench.viewer.get(f"{API}/test/{test['test_id']}").json() == test


def words(answer: httpx.Response) -> str:
    return str(answer.json()["detail"])


@pytest.mark.parametrize(
    "name", ["x", "..", "%2e%2e", "a" * 36, "A" * 36, "0198f6a4-2b6e-7c51-9d0e-3f1a2b4c5d6e"], ids=range(6)
)
def test_a_name_that_is_none_is_not_found(bench: Bench, name: str) -> None:
    for path in (f"datasets/{name}", f"test/{name}", f"test/{name}/evidence"):
        assert bench.viewer.get(f"{API}/{path}").status_code == 404


def test_files_that_no_data_set_bears_go_after_an_hour(bench: Bench) -> None:
    kept = bench.dataset()
    folder = bench.product.parts.settings.state / "datasets" / bench.organisation.id
    left, unfinished, fresh = new_id(), f"{new_id()}.part", f"{new_id()}.part"
    for name in (left, unfinished, fresh):
        (folder / name).write_bytes(b"x")
    long_ago = time.time() - 2 * 3600
    for name in (kept, left, unfinished):
        os.utime(folder / name, (long_ago, long_ago))
    assert bench.product.run(remove_left_files(bench.product.parts)) == 2
    assert bench.files() == sorted([kept, fresh])


def test_a_full_disk_is_told_and_nothing_is_left(bench: Bench) -> None:
    bench.dataset()
    folder = bench.product.parts.settings.state / "datasets" / bench.organisation.id
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_bytes(b"no folder")
    try:
        answer = bench.upload()
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_away")
        assert len(bench.viewer.get(f"{API}/datasets").json()["items"]) == 1
    finally:
        folder.unlink()
        aside.rename(folder)
