"""A loaded example: an organisation, keys of every role, decisions with outcomes, a data set and its bias test."""

import csv
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from apps.backend.demo.stack import Stack

ORGANISATION = "Example Bank"
ADMIN = "admin@example.org"
ROLES = ("viewer", "analyst", "approver")
DECISIONS = 20
CSV_ROWS = 2_000
SEED = 1
RATES = {"first": 0.5, "second": 0.38}
"""Shares of favourable decisions that are planted in the example's data set, by group."""


@dataclass
class Example:
    """What was made: names, secrets by role, and the ids of rows to look at."""

    model: str
    organisation: str
    admin: str
    password: str
    keys: dict[str, str]
    application: dict[str, Any]
    decisions: list[str] = field(default_factory=list)
    test: str | None = None
    risk: str | None = None


def load_example(stack: Stack) -> Example:
    """Make the example over a stack that was just started.

    Raises
    ------
    httpx.HTTPError
        A process of the stack refuses or does not answer.
    """
    served = _asked(stack.model_server).get("/v1/models").raise_for_status().json()["models"][0]
    made = stack.command("organisations", "create", ORGANISATION, "--admin", ADMIN, "--generate-password")
    stack.command("models", "grant", ORGANISATION, served["name"])
    keys = {
        role: stack.command("keys", "create", ORGANISATION, f"demo {role}", "--role", role)["secret"] for role in ROLES
    }
    example = Example(
        served["name"],
        ORGANISATION,
        ADMIN,
        made["password"],
        keys,
        application_of(served["columns"], random.Random(0)),  # noqa: S311
    )
    with _asked(stack.backend, keys["analyst"]) as client:
        _decide(client, example, served["columns"])
        _test_for_bias(client, example)
    return example


def application_of(columns: list[Mapping[str, Any]], draw: random.Random) -> dict[str, Any]:
    """Return an application that fits a version's columns, drawn within what training data held to."""
    return {column["name"]: _value(column, draw) for column in columns}


def decisions_csv(rows: int, seed: int = SEED) -> bytes:
    """Return a CSV of decisions and labels of two groups, in which :data:`RATES` are planted."""
    draw, text = random.Random(seed), io.StringIO()  # noqa: S311 (an example)
    writer = csv.writer(text)
    writer.writerow(["group", "decision", "label"])
    for _ in range(rows):
        group = draw.choice(tuple(RATES))
        decision = int(draw.random() < RATES[group])
        writer.writerow([group, decision, decision if draw.random() < 0.8 else 1 - decision])
    return text.getvalue().encode()


def _value(column: Mapping[str, Any], draw: random.Random) -> Any:
    if column["type"] == "string":
        return draw.choice(column["categories"])
    if column["type"] == "boolean":
        return draw.random() < 0.5
    least, most = column["minimum"] or 0.0, column["maximum"] or 1.0
    return draw.randint(int(least), int(most)) if column["type"] == "integer" else round(draw.uniform(least, most), 2)


def _decide(client: httpx.Client, example: Example, columns: list[Mapping[str, Any]]) -> None:
    draw = random.Random(SEED)  # noqa: S311
    for number in range(DECISIONS):
        body = {"model": example.model, "application": application_of(columns, draw), "subject": f"case-{number}"}
        made = client.post("/api/v1/decisions", json=body).raise_for_status().json()
        example.decisions.append(made["id"])
        outcome = {"label": draw.randint(0, 1)}
        client.post(f"/api/v1/decisions/{made['id']}/outcomes", json=outcome).raise_for_status()


def _test_for_bias(client: httpx.Client, example: Example) -> None:
    file = {"file": ("decisions.csv", decisions_csv(CSV_ROWS), "text/csv")}
    uploaded = client.post("/api/v1/bias-v2/upload-dataset", files=file).raise_for_status().json()
    body = {
        "model_id": example.model,
        "dataset_id": uploaded["dataset_id"],
        "protected_attribute": "group",
        "prediction_column": "decision",
        "ground_truth_column": "label",
        "positive_label": 1,
    }
    tested = client.post("/api/v1/bias-v2/detect", json=body, timeout=120).raise_for_status().json()
    example.test, example.risk = tested["test_id"], tested["overall_risk"]


def _asked(address: str, key: str | None = None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False)
