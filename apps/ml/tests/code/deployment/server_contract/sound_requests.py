"""Sound requests to every route that takes a body, with marked values where a person's would stand."""

from typing import Any

import numpy as np
import pandas as pd

from apps.ml.deployment.protection.paths import SIGNED_TREE
from apps.ml.tests.code.deployment.conftest import COLUMNS
from apps.ml.tests.code.deployment.server_contract.malformed import MARK, MARK_NUMBER, Sent
from apps.ml.tests.code.deployment.server_contract.ways import WAYS
from apps.ml.tests.code.deployment.server_contract.written_rows import Body, instances, json_body, tensors

MODEL = "toy_loans"
WEBHOOK = f"{SIGNED_TREE}/mlflow"
ROWS = pd.DataFrame(
    {
        "age": [40.0, 41.0, 42.0],
        "monthly-income": [MARK_NUMBER, np.nan, MARK_NUMBER],
        "purpose": pd.Series([MARK, "car", None], dtype="str"),
        "homeowner": [1.0, 0.0, 1.0],
    }
)


def sound_requests(prediction: str) -> list[Sent]:
    """Return a request for every route and form; `prediction`: the id of one that was given."""
    ways = [_sent(way.path.format(model=MODEL), way.write(ROWS, COLUMNS)) for way in WAYS]
    return [*ways, *_with_more_than_rows(), *_outcomes(prediction), *_of_operators()]


def _sent(path: str, body: Body) -> Sent:
    return Sent(path, body.content, dict(body.headers))


def _with_more_than_rows() -> list[Sent]:
    rows = instances(ROWS, COLUMNS)
    beside: dict[str, Any] = {"model": MODEL, "version": None, "subject": MARK}
    asked = {"outputs": [{"name": "id"}, {"name": "score", "parameters": {"binary_data": True}}]}
    parameters = {"id": "mine", "parameters": {"content_type": "pd", "binary_data_output": False}}
    return [
        _sent("/v1/predict", json_body({"instances": rows, **beside, "explain": False})),
        _sent("/v1/predict", json_body({"instances": rows[:1], "explain": True})),
        _sent("/v1/explain", json_body({"instances": rows[:1], **beside, "counterfactual": True, "reasons": False})),
        _sent(f"/v2/models/{MODEL}/infer", json_body({**parameters, "inputs": tensors(ROWS, COLUMNS), **asked})),
        _sent(f"/v2/models/{MODEL}/versions/3/infer", json_body({"inputs": tensors(ROWS, COLUMNS)})),
    ]


def _outcomes(prediction: str) -> list[Sent]:
    one = {"id": prediction, "label": 1, "observed_at": "2026-01-31T12:00:00Z", "source": MARK}
    truth = {
        "groundTruthData": {"data": str(MARK_NUMBER), "encoding": "CSV"},
        "eventMetadata": {"eventId": prediction},
        "eventVersion": "0",
    }
    lines = b"\n".join(json_body(report).content for report in (one, truth))
    return [
        _sent("/v1/outcomes", json_body(one)),
        _sent("/v1/outcomes", json_body({"outcomes": [one, {"prediction_id": prediction, "outcome": MARK_NUMBER}]})),
        _sent("/v1/outcomes", json_body(truth)),
        _sent("/v1/outcomes", Body(lines, {"Content-Type": "application/jsonlines"})),
    ]


def _of_operators() -> list[Sent]:
    alias = {"model": MARK, "alias": "champion", "version": "3"}
    delivery = {"entity": "model_version_alias", "action": "created", "timestamp": "2026-01-31", "data": alias}
    return [_sent(WEBHOOK, json_body(delivery)), _sent("/v1/admin/reload", json_body({"why": MARK}))]
