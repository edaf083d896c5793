"""An organisation that has one of everything which the product keeps, made over HTTP as its people would make it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from apps.backend.identity.caller import ROLES, Role
from apps.backend.tests.contract.surroundings import Whole
from apps.backend.tests.decisions.model_server import APPLICATION, POOR
from apps.backend.tests.people.members import PASSWORD
from apps.backend.tests.product import Organisation

API = "/api/v1"
TABLE = "sex,approved,repaid\n" + "a,1,1\nb,0,1\na,0,0\n" * 10


@dataclass
class Everything:
    """What an organisation has. `names`: parameter of paths → the names that there are, the first the newest;
    `word`: stands in every text that its people wrote; `requests`: how many it took."""

    organisation: Organisation
    word: str
    model: str
    email: str
    names: dict[str, list[str]] = field(default_factory=dict)
    idempotency_key: str = ""
    requests: int = 0

    def __post_init__(self) -> None:
        self.clients = {role: self.organisation.client(role) for role in ROLES}
        self.idempotency_key = f"key {self.word}"

    def made(self, role: Role, path: str, body: Any, parameter: str | None = None, **options: Any) -> dict[str, Any]:
        """Make something and keep its name, where it has one that paths are made of."""
        answered = self._asked(role, "POST", path, json=body, **options)
        content: dict[str, Any] = answered.json()
        if parameter is not None:
            named = content.get("id") or content.get(parameter)
            self.names.setdefault(parameter, []).insert(0, str(named))
        return content

    def uploaded(self) -> None:
        """Send a table."""
        file = {"file": (f"{self.word}.csv", TABLE.replace("sex", f"sex_{self.word}", 1))}
        answered = self._asked(
            "analyst", "POST", "/bias-v2/upload-dataset", files=file, data={"name": self.text("data")}
        )
        self.names.setdefault("dataset_id", []).insert(0, str(answered.json()["dataset_id"]))

    def put(self, path: str, body: Any) -> None:
        """Set something."""
        self._asked("admin", "PUT", path, json=body)

    def text(self, what: str) -> str:
        """Return what this organisation's people write about something."""
        return f"{what} of {self.word}"

    def _asked(self, role: Role, method: str, path: str, **options: Any) -> httpx.Response:
        self.requests += 1
        answered = self.clients[role].request(method, API + path, **options)
        assert answered.is_success, (path, answered.status_code, answered.text)
        return answered


def make_one_of_everything(whole: Whole, organisation: Organisation, word: str, model: str) -> Everything:
    """Let an organisation make one of everything, about a model that it may use."""
    found = Everything(organisation, word, model, f"ann.{word}@example.org")
    whole.services.reset_registry()
    found.names |= {"model": [model], "version": ["1"], "name": ["card"]}
    _people(found)
    _decisions(found)
    _bias_tests(found)
    _promotions(found)
    _governance(found)
    return found


def _people(of: Everything) -> None:
    person = {"email": of.email, "name": of.text("Ann"), "role": "approver", "password": PASSWORD}
    of.made("admin", "/users", person, "user_id")
    of.made("admin", "/sessions", {"organisation": of.organisation.name, "email": of.email, "password": PASSWORD})
    key = of.made("admin", "/service-keys", {"name": of.text("program"), "role": "viewer"}, "key_id")
    of.made("admin", f"/service-keys/{key['id']}/rotate", {})


def _decisions(of: Everything) -> None:
    def asked(application: Mapping[str, Any], **more: Any) -> str:
        body = {"model": of.model, "application": {**application, "purpose": of.text("car")}, **more}
        headers = {"Idempotency-Key": of.idempotency_key} if not more else {}
        return str(of.made("analyst", "/decisions", body, "decision", headers=headers)["id"])

    asked(APPLICATION)
    decision = asked(POOR, subject=of.text("case"), counterfactual=True)
    for grounds in ("first grounds", "second grounds"):
        of.made("analyst", f"/decisions/{decision}/appeals", {"grounds": of.text(grounds)}, "appeal")
    answered = f"/decisions/{decision}/appeals/{of.names['appeal'][1]}/answer"
    of.made("approver", answered, {"upheld": True, "words": of.text("answer")})
    of.made("approver", f"/decisions/{decision}/overrules", {"decision": 1, "reason": of.text("reason")})
    of.made("analyst", f"/decisions/{decision}/outcomes", {"label": 1, "source": of.text("source")})
    many = [{"decision_id": each, "label": 0, "source": of.text("register")} for each in of.names["decision"]]
    of.made("analyst", "/outcomes", many)


def _bias_tests(of: Everything) -> None:
    of.uploaded()
    of.uploaded()
    test = {
        "model_id": of.model,
        "dataset_id": of.names["dataset_id"][0],
        "protected_attribute": f"sex_{of.word}",
        "prediction_column": "approved",
        "ground_truth_column": "repaid",
    }
    of.made("analyst", "/bias-v2/detect", test, "test_id")


def _promotions(of: Everything) -> None:
    for act in ("refusal", "withdrawal", None, "approval"):
        body = {"kind": "promotion", "model": of.model, "version": "2", "reason": of.text("reason")}
        wish = f"/promotions/{of.made('analyst', '/promotions', body, 'promotion')['id']}"
        if act == "withdrawal":
            of.made("analyst", f"{wish}/{act}", None)
        elif act is not None:
            of.made("approver", f"{wish}/{act}", {"words": of.text("words")})


def _governance(of: Everything) -> None:
    system = {"system_id": "credit", "control_id": of.text("control")}
    of.put(f"/governance/systems/{of.model}", system)
    of.made("admin", "/governance/publications", {"model": of.model, "version": "1", **system}, "publication")
