"""The page under /docs: how to ask this server for a prediction, in the columns of the model that it serves.

It is one file without scripts, so that it opens where the network ends at the server.
"""

import json
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.request_schema import example_row, expectation
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import BundleInfo

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ccc;"
    "vertical-align:top}pre{background:#f4f4f4;padding:1rem;overflow:auto}"
)
SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "referrer-policy": "no-referrer",
}


def docs_page(model: ServedModel | None, address: str, served: Sequence[ServedModel] = ()) -> str:
    """Return the page of one version as HTML; `address` is how the reader reached the server.

    `served`: all versions, the first one that answers requests that name none; where there are several, the page links
    to that of each, and the example names the version that it is for.
    """
    if model is None:
        document, body = "/openapi.json", "<p>No model is loaded. <a href='/readyz'>/readyz</a> says why.</p>"
    else:
        named = {} if len(served) < 2 or model is served[0] else _name(model)
        document = "/openapi.json" + (f"?{urlencode(named)}" if named else "")
        body = _versions(model, served) + _of(model, address, named)
    paths = ((document, "/openapi.json"), ("/v1/models", "/v1/models"), ("/readyz", "/readyz"))
    links = " · ".join(f"<a href='{escape(path)}'>{text}</a>" for path, text in paths)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>FairMind model server</title>"
        f"<style>{STYLE}</style></head><body><h1>FairMind model server</h1><p>{links}</p>{body}</body></html>"
    )


def _name(model: ServedModel) -> dict[str, str]:
    """What a request says in order to be answered by this version."""
    pairs = (("model", model.name), ("version", model.version), ("alias", None if model.version else model.alias))
    return {key: value for key, value in pairs if value is not None}


def _versions(shown: ServedModel, served: Sequence[ServedModel]) -> str:
    """Links to the pages of all versions, where there are several."""
    if len(served) < 2:
        return ""
    entries = []
    for number, model in enumerate(served):
        label = escape(model.label) + ("" if number else ", answers requests that name none")
        link = "/docs" + (f"?{urlencode(_name(model))}" if number else "")
        entries.append(f"<b>{label}</b>" if model is shown else f"<a href='{escape(link)}'>{label}</a>")
    return "<h2>Served</h2><ul>" + "".join(f"<li>{entry}</li>" for entry in entries) + "</ul>"


def _of(model: ServedModel, address: str, named: dict[str, str]) -> str:
    info = model.bundle.info
    request = json.dumps({**named, "instances": [example_row(info.columns)]}, ensure_ascii=False, indent=2)
    quoted = request.replace("'", "'\\''")
    call = f"curl -s {address}/v1/predict -H 'Content-Type: application/json' -d '{quoted}'"
    rows = "".join(_row(column) for column in info.columns)
    return (
        f"<h2>{escape(info.title)}</h2><p>{escape(model.label)}, {escape(_evidence(model))}.</p>"
        f"<p>{escape(_meaning(info))}</p>"
        f"<h2>Ask</h2><pre>{escape(call)}</pre>"
        f"<h2>Columns</h2><table><tr><th>column</th><th>value</th><th>meaning</th></tr>{rows}</table>"
    )


def _evidence(model: ServedModel) -> str:
    return f"evidence {model.evidence}" if model.evidence else f"no evidence: {model.evidence_missing}"


def _meaning(info: BundleInfo) -> str:
    if info.threshold is None:
        better = "high" if info.favourable == "positive" else "low"
        return f"The score is the predicted value: “{info.positive_name}”. Good for the person is a {better} value."
    return (
        f"Decision 1 means “{info.positive_name}” and is given where the score is at least {info.threshold:g}; "
        f"decision 0 means “{info.negative_name}”. Good for the person is the {info.favourable} event."
    )


def _row(column: ColumnSchema) -> str:
    known = f"Known: {', '.join(column.categories)}." if column.categories else ""
    meaning = ". ".join(part for part in (column.description.rstrip("."), known) if part)
    cells = (column.name, expectation(column), meaning)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
