"""The server under Ray Serve: replicas start once they can answer, answer as the bundle, and write it down."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import create_engine, text

from apps.ml.deployment.batch.ray_cluster import connected
from apps.ml.deployment.ray_serve import NAME, Replica, model_server, replica_settings
from apps.ml.deployment.server.http_server import listen
from apps.ml.errors import BadInputError
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import typed_frame

CONFIGURATION = Path(__file__).parents[5] / "mlops" / "deployment" / "ray_serve.yaml"
QUIET = ("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and database of one server in a folder of its own; nobody needs a key."""
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("FAIRMIND_KEYS", "off")
    return tmp_path


async def started(model: Path) -> list[dict[str, Any]]:
    """Start and stop a replica as Ray does, and return what it said of both."""
    said: list[dict[str, Any]] = []
    replica = Replica(replica_settings({"model": str(model), "log": "off"}))
    start, stop = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    events = iter([start, stop])

    async def receive() -> dict[str, Any]:
        return next(events)

    async def send(message: Any) -> None:
        said.append({**message, "models": len(replica.application.shelf.served())})
        if message["type"] == "lifespan.startup.complete":
            replica.require_serving()

    await replica({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return said


def test_a_replica_says_that_it_started_once_its_model_is_loaded(place: Path, bundle_folder: Path) -> None:
    said = asyncio.run(started(bundle_folder))
    assert [(one["type"], one["models"]) for one in said] == [
        ("lifespan.startup.complete", 1),
        ("lifespan.shutdown.complete", 1),
    ]


def test_a_replica_whose_model_cannot_be_loaded_does_not_start(place: Path) -> None:
    said = asyncio.run(started(place / "nothing"))
    assert said[0]["type"] == "lifespan.startup.failed"
    assert "holds no bundle" in said[0]["message"]


def test_arguments_of_the_configuration_are_read(place: Path) -> None:
    settings = replica_settings({"model": "models:/a@champion, models:/b/2", "allow": "chance", "log": "off"})
    assert settings.addresses == ("models:/a@champion", "models:/b/2")
    assert (settings.policy.allow_chance, settings.policy.allow_sensitive, settings.log) == (True, False, False)


@pytest.mark.parametrize(
    ("args", "told"),
    [({"modell": "x"}, "'modell' means nothing"), ({"model": "x", "log": "yes"}, "'log' is neither on nor off")],
)
def test_arguments_that_mean_nothing_are_refused(place: Path, args: dict[str, str], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        replica_settings(args)


def test_without_ray_serve_the_extra_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInputError, match=r"pip install 'fairmind-ml\[distributed\]'"):
        model_server({"model": "somewhere"})


@pytest.mark.slow
@pytest.mark.filterwarnings(*QUIET)
def test_ray_takes_the_configuration(place: Path) -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="Ray Serve is not installed whole", exc_type=ImportError)
    content = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    taken = schema.ServeDeploySchema.model_validate(content)
    application = taken.applications[0]
    assert application.import_path == f"{model_server.__module__}:{model_server.__name__}"
    assert [deployment.name for deployment in application.deployments] == [NAME]
    assert replica_settings(application.args).addresses == ("models:/loan_applications@champion",)


@contextmanager
def serving(args: dict[str, str]) -> Iterator[httpx.Client]:
    """Serve on a local Ray, and end it afterwards."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with connected("local", 2, "skip this") as ray:
        from ray import serve

        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            serve.run(model_server(args), route_prefix="/")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                yield client
        finally:
            serve.shutdown()
    assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.filterwarnings(*QUIET)
def test_a_local_ray_answers_as_the_bundle_and_writes_every_answer_down(
    place: Path, bundle_folder: Path, bundle: ModelBundle, rows: list[dict[str, Any]]
) -> None:
    pytest.importorskip("ray.serve", reason="Ray Serve is not installed whole", exc_type=ImportError)
    with serving({"model": str(bundle_folder)}) as client:
        assert client.get("/readyz").json()["ready"]
        answer = client.post("/v1/predict", json={"instances": rows})
        alone = [client.post("/v1/predict", json={"instances": [row]}) for row in rows[:5]]
        refused = client.post("/v1/predict", json={"instances": [{"age": "old"}]})
    expected = bundle.score(typed_frame(rows, bundle.info.columns)).tolist()
    assert [one["score"] for one in answer.json()["predictions"]] == pytest.approx(expected, abs=1e-9)
    assert [one.json()["predictions"][0]["score"] for one in alone] == pytest.approx(expected[:5], abs=1e-9)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "misfit")
    engine = create_engine(f"sqlite:///{place / 'log.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM calls")).scalar_one() == 6
    engine.dispose()
