"""The page under /docs: every operation of the interface, in one file without scripts.

It opens where the network ends at the server, and it asks for no exception to the rule that nothing foreign is loaded.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "section{border-top:1px solid #ccc;padding:.5rem 0}h3{font:1rem ui-monospace,monospace;margin:.3rem 0}"
    "b{display:inline-block;min-width:4.5rem}p{margin:.3rem 0}table{border-collapse:collapse}"
    "td{padding:.1rem .8rem .1rem 0;vertical-align:top}pre{background:#f4f4f4;padding:1rem;overflow:auto}"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {"content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; frame-ancestors 'none'"}
INTRODUCTION = (
    "Send a session's token or a service key as <code>Authorization: Bearer …</code>. Every refusal is a problem "
    "(RFC 9457) whose <code>code</code> programs rely on. <a href='/openapi.json'>/openapi.json</a> is what clients "
    "are made from."
)


def docs_page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as a page of HTML."""
    title = escape(document["info"]["title"])
    groups: dict[str, list[str]] = {}
    for path, method, operation in _operations(document):
        tag = operation.get("tags", ["other"])[0]
        groups.setdefault(tag, []).append(_section(path, method, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(sections)}" for tag, sections in groups.items())
    schemas = document.get("components", {}).get("schemas", {})
    listed = "".join(_schema(name, schema) for name, schema in schemas.items())
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title><style>{STYLE}</style>"
        f"</head><body><h1>{title}</h1><p>{INTRODUCTION}</p>{body}<h2>Shapes</h2>{listed}</body></html>"
    )


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    shapes = operation.get("requestBody", {}).get("content", {})
    body = " or ".join(f"{escape(kind)} {_shape(content.get('schema', {}))}" for kind, content in shapes.items())
    rows = [_row(each) for each in operation.get("parameters", [])]
    answers = ", ".join(status for status in operation["responses"] if status != "default")
    return (
        f"<section id='{escape(operation['operationId'])}'><h3><b>{method.upper()}</b> {escape(path)}</h3>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<p>Body: {body}</p>" if body else "")
        + (f"<table>{''.join(rows)}</table>" if rows else "")
        + f"<p>Answers: {escape(answers)}</p></section>"
    )


def _row(parameter: dict[str, Any]) -> str:
    needed = "" if parameter.get("required") else " (may be left out)"
    description = escape(parameter.get("description", ""))
    name = escape(parameter["name"])
    return f"<tr><td><code>{name}</code></td><td>{escape(parameter['in'])}{needed}</td><td>{description}</td></tr>"


def _shape(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"<a href='#{escape(name)}'>{escape(name)}</a>" if name else ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>"
