"""The page under /docs: how to ask this server for a prediction, in the columns of the model that it serves.

It is one file without scripts, so that it opens where the network ends at the server.
"""

import json
from html import escape

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


def docs_page(model: ServedModel | None, address: str) -> str:
    """Return the page as HTML; `address` is how the reader reached the server."""
    body = (
        "<p>No model is loaded. <a href='/readyz'>/readyz</a> says why.</p>" if model is None else _of(model, address)
    )
    links = " · ".join(f"<a href='{path}'>{path}</a>" for path in ("/openapi.json", "/v1/models", "/readyz"))
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>FairMind model server</title>"
        f"<style>{STYLE}</style></head><body><h1>FairMind model server</h1><p>{links}</p>{body}</body></html>"
    )


def _of(model: ServedModel, address: str) -> str:
    info = model.bundle.info
    request = json.dumps({"instances": [example_row(info.columns)]}, ensure_ascii=False, indent=2)
    quoted = request.replace("'", "'\\''")
    call = f"curl -s {address}/v1/predict -H 'Content-Type: application/json' -d '{quoted}'"
    rows = "".join(_row(column) for column in info.columns)
    return (
        f"<h2>{escape(info.title)}</h2><p>{escape(model.label)}, evidence {escape(model.evidence or 'none')}.</p>"
        f"<p>{escape(_meaning(info))}</p>"
        f"<h2>Ask</h2><pre>{escape(call)}</pre>"
        f"<h2>Columns</h2><table><tr><th>column</th><th>value</th><th>meaning</th></tr>{rows}</table>"
    )


def _meaning(info: BundleInfo) -> str:
    if info.threshold is None:
        better = "high" if info.favourable == "positive" else "low"
        return f"The score is the predicted value: “{info.positive_name}”. Good for the person is a {better} value."
    return (
        f"Decision 1 means “{info.positive_name}” and is given where the score is at least {info.threshold:g}; "
        f"decision 0 means “{info.negative_name}”. Good for the person is the {info.favourable} event."
    )


def _row(column: ColumnSchema) -> str:
    known = f" Known: {', '.join(column.categories)}." if column.categories else ""
    cells = (column.name, expectation(column), column.description + known)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
