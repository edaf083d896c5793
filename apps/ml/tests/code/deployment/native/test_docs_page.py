"""The page for people: right columns, an example that works, nothing from elsewhere."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from apps.ml.data.processed import REGRESSION, ColumnSchema
from apps.ml.deployment.native.docs_page import docs_page
from apps.ml.deployment.native.request_schema import example_row
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.tests.code.deployment.conftest import COLUMNS


def example_on(page: str) -> Any:
    """The request that the page shows."""
    return json.loads(unescape(page).split("-d '")[1].split("'</pre>")[0])


def test_the_example_on_the_page_is_answered(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    answer = client.post("/v1/predict", json=example_on(page.text))
    assert len(answer.json()["predictions"]) == 1


def test_the_page_names_every_column_and_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    text = client.get("/docs").text
    assert all(f"<td>{column.name}</td>" in text for column in COLUMNS)
    assert re.findall(r"""(?:src|href)=['"](?!/)|<script|@import|url\(""", text) == []


def test_words_of_a_data_set_cannot_become_markup(bundle_folder: Path) -> None:
    served = FolderSource(bundle_folder).load()
    info = replace(served.bundle.info, title="<script>", columns=(ColumnSchema("<b>'", "categorical"),))
    page = docs_page(replace(served, bundle=replace(served.bundle, info=info)), "http://server")
    assert "<script>" not in page
    assert "<b>" not in page


def test_the_page_of_a_model_that_predicts_a_number_says_what_it_is(bundle_folder: Path) -> None:
    served = FolderSource(bundle_folder).load()
    info = replace(served.bundle.info, task=REGRESSION, threshold=None, threshold_rule="", positive_name="wage")
    page = docs_page(replace(served, bundle=replace(served.bundle, info=info)), "http://server")
    assert "The score is the predicted value: “wage”" in page
    assert "Decision 1" not in page


def test_of_several_versions_each_has_a_page_whose_example_asks_for_it(
    bundle_folder: Path, client: httpx.Client
) -> None:
    first = FolderSource(bundle_folder).load()
    second = replace(first, version="2&3")
    of_first = docs_page(first, "http://server", [first, second])
    (link,) = re.findall(r"href='(/docs\?[^']*)'", of_first)
    assert dict(httpx.URL("http://server" + unescape(link)).params) == {"model": first.name, "version": "2&3"}
    assert "version" not in example_on(of_first)
    of_second = docs_page(second, "http://server", [first, second])
    assert example_on(of_second)["version"] == "2&3"
    assert "href='/docs'" in of_second
    assert client.get("/docs", params={"version": "none such"}).status_code == 404


def test_without_a_model_the_page_says_where_the_reason_is() -> None:
    model: ServedModel | None = None
    assert "/readyz" in docs_page(model, "http://server")


def test_an_example_is_plain_and_nobodys() -> None:
    columns = (
        ColumnSchema("age", "numeric", integer=True, nullable=False, minimum=18),
        ColumnSchema("rate", "numeric", nullable=False),
        ColumnSchema("purpose", "categorical", nullable=False, categories=("car",)),
        ColumnSchema("city", "categorical", nullable=False),
        ColumnSchema("owner", "boolean", nullable=False),
        ColumnSchema("income", "numeric"),
    )
    assert list(example_row(columns).values()) == [18, 0.0, "car", "", False, None]
