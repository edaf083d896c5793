"""A small registry that was really published, and answers of a service that are held against its contract."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.deployment.requests.limits import Limits
from apps.ml.evidence_service.application import EvidenceApplication
from apps.ml.evidence_service.contract import contract_document
from apps.ml.evidence_service.options import CONTROL_BODY_BYTES, Bounds, Options
from apps.ml.evidence_service.registry.store_watch import StoreWatch
from apps.ml.experiments import registry, tags
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.files import write_text
from apps.ml.pipelines import model_registration, model_training
from apps.ml.tests import finished_pipeline
from apps.ml.tests.answered_rows import write_answers
from apps.ml.tests.protected_server import serving, until

MODEL = finished_pipeline.MODEL
FOREIGN = "foreign"
ROOT = "/v1/registry/models"
CHAMPION, PASSES, FAILS, RANKS_WORSE = "1", "2", "3", "4"
"""Versions: the champion; one that may take its place; one whose gate fails; one that fails beside the champion."""

CHAMPION_GATE = {"name": "beside", "metric": "performance.roc_auc", "at_least": -0.01, "reference": "champion"}
FAR_WORSE = {"early_stopping": {"enabled": False}, "estimators": {"lightgbm": {"n_estimators": 1, "num_leaves": 2}}}
DOCUMENTS = {"nyc_ll144.md": "# 144", "eu_ai_act_annex_iv.md": "# IV", "ml_bom.cdx.json": "{}", "minutes.md": "# Board"}
UNFIT_NAME = 'a";b.md'
PATIENCE_SECONDS = 300.0
PATIENT = Bounds(
    reading_seconds=PATIENCE_SECONDS, comparing_seconds=PATIENCE_SECONDS, changing_seconds=PATIENCE_SECONDS
)
"""For everything but the tests of impatience: a slow machine is none of their subjects."""

ACT_TAGS = (tags.REASON, tags.ROLLED_BACK, tags.COMPARISON, tags.COMPARED_WITH)


@dataclass(frozen=True)
class Published:
    """`folder`: the workspace that everything was published from, with the store in it."""

    folder: Path
    address: str
    store: TrackingStore

    def champion(self) -> str:
        """Return the number of the champion."""
        return registry.find_version(self.store, MODEL).number

    def tags_of(self, number: str) -> dict[str, str]:
        """Return the tags of a version."""
        return dict(registry.find_version(self.store, MODEL, number).tags)

    def artifact(self, number: str, path: str) -> Path:
        """Return where a published file lies."""
        run_id = registry.find_version(self.store, MODEL, number).run_id
        return self.folder / "mlartifacts" / run_id / "artifacts" / path

    def reset(self) -> None:
        """Undo what acts did: version 1 is the champion, and no other ever was."""
        self.store.client.set_registered_model_alias(MODEL, tags.CHAMPION_ALIAS, CHAMPION)
        registry.write_champions(self.store, MODEL, [CHAMPION])
        for version in registry.list_versions(self.store, MODEL):
            for tag in set(ACT_TAGS) & set(version.tags):
                self.store.client.delete_model_version_tag(MODEL, version.number, tag)


def publish_small_registry(folder: Path) -> Published:
    """Publish four versions, and register a fifth thing that was never published by FairMind."""
    with pytest.MonkeyPatch.context() as variables:
        paths = finished_pipeline.workspace(folder, variables)
        rules = {"gates": [*finished_pipeline.GATES, CHAMPION_GATE], "guards": {"levelling_down": {"enabled": False}}}
        finished_pipeline.set_parameters(paths, "model_registration", **rules)
        for name, text in {**DOCUMENTS, UNFIT_NAME: "?"}.items():
            write_text(paths.documents / name, text)
        write_answers(paths, knowledge=0.4)
        model_registration.main(paths)
        finished_pipeline.set_parameters(paths, "model_registration", promote_passing=False)
        for roc_auc in (0.82, 0.5):
            finished_pipeline.measure(paths, roc_auc)
            model_registration.main(paths)
        _retrain(paths)
        store = open_store()
        _register_foreign(store, folder)
    return Published(folder, store.address, store)


def patient(**options: Any) -> Options:
    """Return options of a service that waits for whatever it does; `options` take the place of its own."""
    limits = Limits(body_bytes=CONTROL_BODY_BYTES, body_seconds=PATIENCE_SECONDS)
    return replace(Options(bounds=PATIENT, limits=limits), **options)


@contextmanager
def running_service(published: Published, options: Options | None = None) -> Iterator["Asking"]:
    """Run the service over the published registry; wait until it is ready."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("MLFLOW_TRACKING_URI", published.address)
        chosen = options or patient(workspace=published.folder)
        application = EvidenceApplication(chosen, StoreWatch(look_seconds=0.2, retry_seconds=0.1))
        with serving(application) as client:
            client.timeout = httpx.Timeout(PATIENCE_SECONDS)
            until(lambda: client.get("/readyz").status_code == 200)
            yield Asking(client)


@dataclass(frozen=True)
class Asking:
    """Asks a service, and requires that every answer is what the contract says of its path and status."""

    client: httpx.Client

    def get(self, path: str, status: int = 200, **options: Any) -> httpx.Response:
        """Read."""
        return self.ask("GET", path, status, **options)

    def post(self, path: str, body: Any, status: int = 200, **options: Any) -> httpx.Response:
        """Ask for something to be done."""
        return self.ask("POST", path, status, json=body, **options)

    def ask(self, method: str, path: str, status: int, **options: Any) -> httpx.Response:
        """Send a request; an answer of another status or shape ends the test."""
        answer = self.client.request(method, path, **options)
        assert answer.status_code == status, answer.text
        require_documented(method, path.partition("?")[0], answer)
        return answer


def require_documented(method: str, path: str, answer: httpx.Response) -> None:
    """Hold an answer against the contract; a path that is none of its own is answered in the shape of errors."""
    operation = next((found for template, found in _operations(method) if template.fullmatch(path)), None)
    if operation is None:
        assert set(answer.json()) == {"error"}
        return
    documented = operation["responses"][str(answer.status_code)].get("content", {})
    if not documented:
        assert answer.content == b""
        return
    schema = documented.get("application/json", {}).get("schema")
    if schema is not None:
        _validator(json.dumps(schema)).validate(answer.json())


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(contract_document()))
    return document


@cache
def _operations(method: str) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = _document()["paths"]
    return [
        (re.compile(re.sub(r"\{[a-z]+\}", "[^/]+", path)), operations[method.lower()])
        for path, operations in paths.items()
        if method.lower() in operations
    ]


@cache
def _validator(schema: str) -> Draft202012Validator:
    anchored = json.loads(schema.replace("#/components", "urn:contract#/components"))
    known = Registry().with_resource("urn:contract", Resource.opaque(_document()))
    return Draft202012Validator(anchored, registry=known)


def _retrain(paths: ArtifactPaths) -> None:
    write_answers(paths, knowledge=0.05)
    finished_pipeline.measure(paths, 0.81)
    finished_pipeline.set_parameters(paths, "model_training", **FAR_WORSE)
    shutil.rmtree(paths.bundle)
    model_training.main(paths)
    model_registration.main(paths)


def _register_foreign(store: TrackingStore, folder: Path) -> None:
    (folder / "foreign").mkdir()
    store.client.create_registered_model(FOREIGN)
    store.client.create_model_version(FOREIGN, source=str(folder / "foreign"))
