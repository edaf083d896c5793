"""Requests to every operation of the interface with somebody else's names in every place that takes a name.

A parameter or body that is not known here ends the tests: whoever adds a route says here what it is asked with.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.backend.tests.contract.one_of_everything import TABLE, Everything
from apps.backend.tests.decisions.model_server import APPLICATION
from apps.backend.tests.isolation.strangers_names import Names
from apps.backend.tests.people.members import PASSWORD

METHODS = ("get", "post", "put", "patch", "delete")
Value = Callable[[Names], list[Any]]


@dataclass(frozen=True)
class Operation:
    """One operation of the interface."""

    id: str
    method: str
    path: str
    path_names: tuple[str, ...]
    query_names: tuple[str, ...]
    headers: tuple[str, ...]
    takes_body: bool


@dataclass(frozen=True)
class Asked:
    """One request. `is_strange`: its path holds a stranger's name."""

    operation: Operation
    path: str
    is_strange: bool
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)


def operations_of(interface: Mapping[str, Any]) -> list[Operation]:
    """Return the operations of an OpenAPI document."""
    return [
        _operation(method, path, operations[method])
        for path, operations in interface["paths"].items()
        for method in METHODS
        if method in operations
    ]


def _operation(method: str, path: str, described: Mapping[str, Any]) -> Operation:
    parameters = described.get("parameters", [])

    def named(place: str) -> tuple[str, ...]:
        return tuple(each["name"] for each in parameters if each["in"] == place)

    operation = Operation(
        described["operationId"], method.upper(), path, named("path"), named("query"), named("header"),
        "requestBody" in described,
    )  # fmt: skip
    unknown = [*set(operation.query_names) - QUERIES.keys(), *set(operation.headers) - HEADERS.keys()]
    unknown += [name for name in operation.path_names if name not in PATHS]
    unknown += [operation.id] if operation.takes_body and operation.id not in BODIES else []
    assert not unknown, f"{operation.id}: say in {__name__} what {', '.join(unknown)} is asked with"
    return operation


PATHS = frozenset(
    ("user_id", "key_id", "decision", "appeal", "dataset_id", "test_id", "promotion", "publication", "model", "version",
     "name")
)  # fmt: skip
BELONGING = PATHS - {"version", "name"}
"""Parameters whose values are one organisation's alone; versions and names of documents are alike everywhere."""

QUERIES: dict[str, Value] = {
    "cursor": lambda of: of.ids[::5],
    "actor": lambda of: [f"user:{of.of['user_id'][0]}", f"key:{of.of['key_id'][0]}"],
    "target": lambda of: [
        f"decision:{of.of['decision'][0]}",
        f"organisation:{of.organisation_id}",
        f"model:{of.model}",
    ],
    "model": lambda of: [of.model],
    "model_id": lambda of: [of.model],
    "dataset_id": lambda of: of.of["dataset_id"],
    "subject": lambda of: [of.text("case"), of.email],
    "prediction_id": lambda of: [of.prediction_id],
    **dict.fromkeys(
        ("version", "limit", "role", "is_active", "state", "action", "since", "until", "outcome", "verdict", "section"),
        lambda _: [],
    ),
}
"""Parameter of a query → what it is asked with; nothing where its values name nobody."""

ALWAYS = {"compare_versions": (("version", "1"), ("version", "2"))}
"""Queries without which an operation does not look any further."""

HEADERS: dict[str, Callable[[Names], str | None]] = {
    "Idempotency-Key": lambda of: of.idempotency_key,
    "accept": lambda _: None,
    "if-none-match": lambda _: None,
}


def _detection(of: Names, own: Everything) -> dict[str, Any]:
    return {
        "model_id": own.model,
        "dataset_id": of.of["dataset_id"][0],
        "protected_attribute": f"sex_{of.word}",
        "prediction_column": "approved",
    }


def _outcome(of: Names, _: Everything) -> dict[str, Any]:
    return {"label": 1, "source": of.text("source")}


BODIES: dict[str, Callable[[Names, Everything], Any]] = {
    "open_session": lambda of, _: {"organisation": of.organisation, "email": of.email, "password": "not " + PASSWORD},
    "create_user": lambda of, _: {"email": of.email, "name": of.text("Ann"), "role": "viewer", "password": PASSWORD},
    "change_user": lambda of, _: {"name": of.text("Ann"), "role": "analyst"},
    "change_own_password": lambda of, _: {"current_password": of.text(PASSWORD), "new_password": of.text(PASSWORD)},
    "create_service_key": lambda of, _: {"name": of.text("program"), "role": "viewer"},
    "rotate_service_key": lambda *_: {"overlap_seconds": 60},
    "ask_decision": lambda of, own: {
        "model": own.model, "application": {**APPLICATION, "purpose": of.text("car")}, "subject": of.text("case"),
    },
    "file_appeal": lambda of, _: {"grounds": of.of["appeal"][0]},
    "answer_appeal": lambda of, _: {"upheld": False, "words": of.text("answer")},
    "overrule_decision": lambda of, _: {"decision": 0, "reason": of.of["decision"][0]},
    "report_outcome": _outcome,
    "report_outcomes": lambda of, own: [{**_outcome(of, own), "decision_id": name} for name in of.of["decision"]],
    "upload_dataset": lambda of, _: {
        "files": {"file": (f"../{of.organisation_id}/{of.of['dataset_id'][0]}", TABLE)},
        "data": {"name": of.text("data")},
    },
    "detect_bias": _detection,
    "request_promotion": lambda of, _: {"kind": "promotion", "model": of.model, "version": "2", "reason": "it is mine"},
    "approve_promotion": lambda of, _: {"words": of.of["promotion"][0]},
    "refuse_promotion": lambda of, _: {"words": of.of["promotion"][0]},
    "publish_evidence": lambda of, _: {"model": of.model, "version": "1", "system_id": "credit"},
    "set_governance_system": lambda of, _: {"system_id": "credit", "control_id": of.text("control")},
}  # fmt: skip
"""Operation → a body that fits, with a stranger's names wherever one stands; `files` and `data` make a form."""

MORE_BODIES: dict[str, Callable[[Names, Everything], Any]] = {
    "ask_decision": lambda of, _: {"model": of.model, "application": APPLICATION},
    "detect_bias": lambda of, own: {
        **_detection(of, own),
        "model_id": of.model,
        "dataset_id": own.names["dataset_id"][-1],
    },
    "request_promotion": lambda of, own: {"kind": "rollback", "model": own.model, "reason": of.text("reason")},
    "publish_evidence": lambda of, own: {
        "model": own.model, "version": "1", "system_id": "credit", "control_id": of.text("control"),
    },
    "report_outcomes": lambda of, own: [
        {**_outcome(of, own), "decision_id": name} for name in (own.names["decision"][0], of.of["decision"][0])
    ],
}  # fmt: skip


def every_request(operation: Operation, strange: Names, own: Everything) -> Iterator[Asked]:
    """Yield every request of an operation: with each stranger's name of a path, then its own names and the stranger's
    in query and body."""
    bodies = [table[operation.id](strange, own) for table in (BODIES, MORE_BODIES) if operation.id in table] or [None]
    for names, is_strange in _paths(operation, strange, own):
        path = operation.path.format(**names)
        for body in bodies:
            yield request_of(operation, path, is_strange, strange, body)
        for name in operation.query_names:
            for value in QUERIES[name](strange):
                yield request_of(operation, path, is_strange, strange, bodies[0], ((name, str(value)),))


def own_reads(operation: Operation, strange: Names, own: Everything) -> Iterator[Asked]:
    """Yield the requests that read an organisation's own things: its newest of each kind."""
    if operation.method == "GET":
        path = operation.path.format(**{name: own.names[name][0] for name in operation.path_names})
        yield request_of(operation, path, False, strange, None)


def request_of(
    operation: Operation,
    path: str,
    is_strange: bool,
    strange: Names,
    body: Any,
    query: tuple[tuple[str, str], ...] = (),
) -> Asked:
    """Return one request, with the stranger's key where it may bear one."""
    given = {name: HEADERS[name](strange) for name in operation.headers}
    headers = {name: value for name, value in given.items() if value is not None}
    is_form = isinstance(body, dict) and "files" in body
    content = {} if body is None else body if is_form else {"json": body}
    return Asked(operation, path, is_strange, (*ALWAYS.get(operation.id, ()), *query), headers, content)


def _paths(operation: Operation, strange: Names, own: Everything) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield names for the path: the own ones, and every mixture with at least one of the stranger's."""
    choices = [[(name, value, False) for value in own.names[name][:1]] for name in operation.path_names]
    for place, name in enumerate(operation.path_names):
        choices[place] += [(name, value, True) for value in strange.of[name]] if name in BELONGING else []
    for chosen in itertools.product(*choices):
        yield {name: value for name, value, _ in chosen}, any(is_strange for *_, is_strange in chosen)
