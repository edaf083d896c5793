"""What the OpenAPI document says of the peers' protocols: bodies, answers, refusals."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apps.ml.deployment.requests.error_shape import MISDIRECTED
from apps.ml.deployment.requests.request_body import JSON_TYPE
from apps.ml.deployment.tables.table_bodies import READERS

Responses = dict[int | str, dict[str, Any]]


class PeerShape(BaseModel):
    """A JSON object of a peer's protocol."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class MlflowError(PeerShape):
    """How MLflow's scoring server says that a request failed."""

    error_code: str
    message: str


class InferenceError(PeerShape):
    """How the Open Inference Protocol and KServe v1 say that a request failed."""

    error: str


class Invocation(PeerShape):
    """One row of the model's own MLflow answer; `decision` is absent where a number is predicted."""

    score: float
    decision: int = Field(default=0, ge=0, le=1)


class Invocations(PeerShape):
    """One entry per row, in their order."""

    predictions: list[Invocation]


class KservePrediction(PeerShape):
    """The answer to one row; `decision` and `threshold` are null where a number is predicted."""

    id: str
    score: float
    decision: int | None
    threshold: float | None


class Predictions(PeerShape):
    """One entry per row, in their order."""

    predictions: list[KservePrediction]


class Alive(PeerShape):
    """The process is alive."""

    status: str


class Live(PeerShape):
    """Whether the process is alive, and whether it answers predictions."""

    live: bool
    ready: bool


class ModelReadiness(PeerShape):
    """A model that answers."""

    name: str
    ready: bool


class ServerMetadata(PeerShape):
    """Name and version of the server, and the protocol's extensions that it speaks."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(PeerShape):
    """A named tensor; -1 in its shape is any number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(PeerShape):
    """Inputs and outputs of a model; `versions` is empty where it was loaded from a folder."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(PeerShape):
    """An output; `data` is absent where it follows as `parameters.binary_data_size` bytes."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float | int | str] = []
    parameters: dict[str, int] = {}


class InferenceAnswer(PeerShape):
    """The outputs. `model_version` is absent where the model was loaded from a folder, the evidence digest in
    `parameters` where it has none."""

    model_name: str
    model_version: str = ""
    id: str
    parameters: dict[str, str] = {}
    outputs: list[OutputTensor]


REASONS = {
    400: "The body cannot be read, or its shape is not the protocol's",
    401: "No valid API key, where keys are required",
    403: "The API key lacks the scope",
    404: "The model or version is not served",
    408: "The body did not arrive in time",
    413: "Body too large or too many rows",
    415: "A content type that is not read",
    421: MISDIRECTED,
    422: "Values that do not fit the model's signature",
    429: "Too many requests of this key; Retry-After says when to ask again",
    500: "The server failed; the message holds the number of the error",
    503: "No model is loaded, too much is asked at once, or the log has no room",
}


def _refusals(shape: type[BaseModel], *statuses: int) -> Responses:
    return {status: {"model": shape, "description": REASONS[status]} for status in statuses or REASONS}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


MLFLOW_REFUSALS = _refusals(MlflowError)
INFERENCE_REFUSALS = _refusals(InferenceError)
MLFLOW_UNREADY = _refusals(MlflowError, 421, 503)
INFERENCE_OPEN = _refusals(InferenceError, 421)
INFERENCE_UNREADY = _refusals(InferenceError, 421, 503)
MLFLOW_TURNED_AWAY = _refusals(MlflowError, 401, 403, 421, 429, 503)
INFERENCE_TURNED_AWAY = _refusals(InferenceError, 401, 403, 421, 429, 503)
UNDESCRIBED = _refusals(InferenceError, 401, 403, 404, 421, 429, 503)

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_ROW = {"$ref": "#/components/schemas/Instance"}
"""A row by the names of its columns: what the native protocol takes as well."""

_VALUES = {"type": "array", "items": {"type": ["number", "boolean", "string", "null"]}}
"""A row in the order of the model's columns, one value for each."""

_ROWS = {"type": "array", "minItems": 1, "items": {"anyOf": [_ROW, _VALUES]}}
_NAMES = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_SPLIT = _object(
    {"columns": _NAMES, "data": {"type": "array", "minItems": 1, "items": _VALUES}, "index": {}}, "columns", "data"
)
_FORMS = {
    "dataframe_split": _SPLIT,
    "dataframe_records": {"type": "array", "minItems": 1, "items": _ROW},
    "instances": _ROWS,
    "inputs": {"anyOf": [_ROWS, {"type": "object"}]},
}
INVOCATION_BODY = _body(
    {
        JSON_TYPE: {"schema": {"oneOf": [_object({form: schema}, form) for form, schema in _FORMS.items()]}},
        **dict.fromkeys(READERS, _BYTES),
    }
)
KSERVE_BODY = _body({JSON_TYPE: {"schema": _object({"instances": _ROWS}, "instances")}})
_TENSOR = _object(
    {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
    "name",
    "shape",
    "datatype",
)
INFER_ANSWER: Responses = {200: {"content": {"application/octet-stream": _BYTES}}}
INFER_BODY = _body(
    {
        JSON_TYPE: {
            "schema": _object(
                {
                    "id": {"type": "string"},
                    "parameters": {"type": "object"},
                    "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
                    "outputs": {"type": "array", "items": _object({"name": {"type": "string"}}, "name")},
                },
                "inputs",
            )
        },
        "application/octet-stream": _BYTES,
    }
)
INFER_BODY["parameters"] = [
    {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
        "description": "Where bytes of tensors follow the JSON: the size of the JSON.",
    }
]
