"""Every way in which rows reach the server over HTTP, and the numbers that come back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.models.bundle import Answers
from apps.ml.tests.code.deployment.server_contract.written_rows import (
    FILE,
    JSON_SIZE,
    Body,
    Columns,
    arrays,
    arrow_body,
    binary_body,
    csv_body,
    instances,
    json_body,
    parquet_body,
    tensors,
    upright,
)

SEED = 5
EXPLAINED_ROWS = 20


@dataclass(frozen=True)
class Numbers:
    """Scores [n] and decisions [n], None where a model decides nothing."""

    scores: npt.NDArray[np.float64]
    decisions: list[int | None]


@dataclass(frozen=True)
class Way:
    """A route with a form of body. `most_rows`: how many of the rows are worth sending this way; None: all."""

    name: str
    path: str
    write: Callable[[pd.DataFrame, Columns], Body]
    read: Callable[[httpx.Response], Numbers]
    most_rows: int | None = None

    def ask(self, client: httpx.Client, model: str, frame: pd.DataFrame, columns: Columns) -> Numbers:
        """Send typed rows and return the numbers; AssertionError where they are refused."""
        body = self.write(frame, columns)
        answer = client.post(self.path.format(model=model), content=body.content, headers=body.headers)
        assert answer.status_code == 200, answer.text[:500]
        return self.read(answer)


def largest_difference(found: Numbers, expected: Answers) -> float:
    """Return the largest difference of a score, and require equal decisions."""
    decisions = [None] * len(expected.scores) if expected.decisions is None else expected.decisions.tolist()
    assert found.decisions == decisions
    assert len(found.scores) == len(expected.scores)
    return float(np.abs(found.scores - expected.scores).max())


def chosen(answers: Answers, rows: slice) -> Answers:
    """Return the answers to some of the rows."""
    return Answers(answers.scores[rows], None if answers.decisions is None else answers.decisions[rows])


def _of_predictions(answer: httpx.Response) -> Numbers:
    """Entries with score and decision, as the native protocol, MLflow and KServe write them."""
    predictions = answer.json()["predictions"]
    scores = np.array([entry["score"] for entry in predictions], dtype=np.float64)
    return Numbers(scores, [entry.get("decision") for entry in predictions])


def _of_outputs(answer: httpx.Response) -> Numbers:
    outputs = {entry["name"]: entry["data"] for entry in answer.json()["outputs"]}
    scores = np.array(outputs["score"], dtype=np.float64)
    return Numbers(scores, outputs.get("decision", [None] * len(scores)))


def _of_output_bytes(answer: httpx.Response) -> Numbers:
    size = int(answer.headers[JSON_SIZE])
    outputs = httpx.Response(200, content=answer.content[:size]).json()["outputs"]
    parts: dict[str, bytes] = {}
    for entry in outputs:
        end = size + entry["parameters"]["binary_data_size"]
        parts[entry["name"]] = answer.content[size:end]
        size = end
    assert size == len(answer.content)
    scores = np.frombuffer(parts["score"], dtype="<f8")
    decisions = np.frombuffer(parts["decision"], dtype="<i8").tolist() if "decision" in parts else [None] * len(scores)
    return Numbers(scores, decisions)


def _shuffled(frame: pd.DataFrame, columns: Columns) -> Body:
    """Records each of whose keys stand in another order."""
    generator = np.random.default_rng(SEED)
    names = [column.name for column in columns]
    rows = [{name: row[name] for name in generator.permutation(names)} for row in instances(frame, columns)]
    return json_body({"instances": rows})


def _split(frame: pd.DataFrame, columns: Columns) -> Body:
    """The columns from the last to the first."""
    data = [row[::-1] for row in arrays(frame, columns)]
    return json_body({"dataframe_split": {"columns": [column.name for column in columns][::-1], "data": data}})


def _keyed(key: str, form: Callable[[pd.DataFrame, Columns], Any]) -> Callable[[pd.DataFrame, Columns], Body]:
    return lambda frame, columns: json_body({key: form(frame, columns)})


def _arrow_file(frame: pd.DataFrame, columns: Columns) -> Body:
    return arrow_body(frame, columns, FILE)


PREDICT = "/v1/predict"
INVOKE = "/invocations"
ENDPOINT = "/endpoints/{model}/invocations"
INFER = "/v2/models/{model}/infer"
KSERVE = "/v1/models/{model}:predict"
WAYS = (
    Way("predict", PREDICT, _keyed("instances", instances), _of_predictions),
    Way("predict shuffled", PREDICT, _shuffled, _of_predictions),
    Way("predict csv", PREDICT, csv_body, _of_predictions),
    Way("predict parquet", PREDICT, parquet_body, _of_predictions),
    Way("predict arrow stream", PREDICT, arrow_body, _of_predictions),
    Way("predict arrow file", PREDICT + "?model={model}", _arrow_file, _of_predictions),
    Way("explain", "/v1/explain", _keyed("instances", instances), _of_predictions, EXPLAINED_ROWS),
    Way("invocations split", INVOKE, _split, _of_predictions),
    Way("invocations records", INVOKE, _keyed("dataframe_records", instances), _of_predictions),
    Way("invocations instances", INVOKE, _keyed("instances", arrays), _of_predictions),
    Way("invocations inputs", INVOKE, _keyed("inputs", upright), _of_predictions),
    Way("invocations csv", INVOKE, csv_body, _of_predictions),
    Way("invocations parquet", ENDPOINT, parquet_body, _of_predictions),
    Way("invocations arrow", ENDPOINT, arrow_body, _of_predictions),
    Way("infer json", INFER, _keyed("inputs", tensors), _of_outputs),
    Way("infer bytes", INFER, binary_body, _of_output_bytes),
    Way("kserve objects", KSERVE, _keyed("instances", instances), _of_predictions),
    Way("kserve arrays", KSERVE, _keyed("inputs", arrays), _of_predictions),
)
