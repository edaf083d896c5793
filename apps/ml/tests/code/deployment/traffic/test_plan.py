"""What a plan may say, and how it is told what it may not."""

from pathlib import Path

import pytest

from apps.ml.deployment.server.settings import serving_settings
from apps.ml.deployment.traffic.plan import arm_sources, plan_file, read_plan, shadow_sources, with_arms
from apps.ml.deployment.versions.model_source import FolderSource, ModelSource, RegistrySource
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BadInputError

PLAN = """
model: loans
salt: winter
arms:
  - {name: champion, address: models:/loans@champion, weight: 0.9}
  - {name: challenger, alias: challenger, weight: 0.1}
schedule:
  - {from: 2026-01-05T08:00:00+00:00, weights: {champion: 0.5, challenger: 0.5}}
  - {from: "2026-01-12T08:00:00+01:00", weights: {champion: 0, challenger: 1}}
shadows:
  - {name: candidate, address: models:/other/3}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "traffic.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, PLAN))
    assert [plan.address(arm) for arm in plan.arms] == ["models:/loans@champion", "models:/loans@challenger"]
    assert plan.weights() == [[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]
    assert plan.starts == [1767600000.0, 1768201200.0]
    assert arm_sources(plan) == [RegistrySource("loans", alias="champion"), RegistrySource("loans", alias="challenger")]
    assert shadow_sources(plan) == {"candidate": RegistrySource("other", version="3")}


def test_arms_are_served_beside_what_was_named_each_address_once(tmp_path: Path) -> None:
    policy = ServingPolicy(allow_chance=True)
    named: list[ModelSource] = [
        FolderSource(Path("elsewhere")),
        RegistrySource("loans", alias="champion", policy=policy),
    ]
    sources = with_arms(named, read_plan(written(tmp_path, PLAN)), policy)
    assert sources == [*named, RegistrySource("loans", alias="challenger", policy=policy)]


def test_two_arms_may_be_one_version(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, PLAN.replace("alias: challenger", "alias: champion")))
    assert [source.address for source in arm_sources(plan)] == ["models:/loans@champion"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("salt: winter", "salt: winter\nsalts: 1", "unknown key 'salts'; did you mean 'salt'"),
        ("salt: winter", "salt: 7", "'salt': expected: input should be a valid string"),
        ("salt: winter", "", "key 'salt' is missing"),
        ("weight: 0.9", "weight: 0.8", r"weights of sum 1 \(they sum to 0.9\)"),
        ("weight: 0.9", 'weight: "0.9"', r"'arms.0.weight': expected"),
        ("weight: 0.9", "weight: .nan", r"'arms.0.weight': expected"),
        ("weight: 0.1}", "weight: 0.1, share: 1}", "unknown key 'arms.1.share'"),
        ("alias: challenger,", "", "exactly one of address and alias for the arm challenger"),
        ("alias: challenger,", "alias: challenger, address: x,", "exactly one of address and alias"),
        ("name: challenger", "name: champion", "arms of distinct names"),
        ("name: challenger", "name: shadow:x", "'arms.1.name': expected"),
        ("models:/loans@champion", "models:/other@champion", "an address of the model loans for the arm champion"),
        ("models:/loans@champion", "models:/loans/latest", "Write models:/<name>@<alias>"),
        ("models:/other/3", "models:/other", "Write models:/<name>@<alias>"),
        ("08:00:00+00:00", "08:00:00", "an offset from UTC"),
        ("2026-01-05T08:00:00+00:00", "soon", "a time as 2026-01-05T08:00:00"),
        ("2026-01-05", "2026-02-05", "steps of the schedule in the order of their times"),
        ("challenger: 0.5}", "other: 0.5}", "the weights of all arms, and of no others"),
        ("challenger: 0.5}", "challenger: 0.6}", "weights of sum 1"),
    ],
)
def test_what_a_plan_may_not_say_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PLAN
    with pytest.raises(BadInputError, match=message):
        read_plan(written(tmp_path, PLAN.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arms: [", "is not valid YAML"),
        ("- 1", "holds no keys"),
        ("", "holds no keys"),
        ("arms: []", "'arms': expected"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read_plan(written(tmp_path, text))


def test_the_environment_names_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRMIND_TRAFFIC", raising=False)
    assert plan_file() is None
    path = written(tmp_path, PLAN)
    monkeypatch.setenv("FAIRMIND_TRAFFIC", str(path))
    assert plan_file() == path
    assert plan_file(tmp_path / "other.yaml") == tmp_path / "other.yaml"


def test_a_server_reads_the_plan_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, PLAN)
    monkeypatch.setenv("FAIRMIND_TRAFFIC", str(path))
    settings = serving_settings(["models:/loans@champion"], None, "127.0.0.1", 0)
    assert (settings.traffic, settings.plan) == (path, read_plan(path))
    monkeypatch.setenv("FAIRMIND_TRAFFIC", str(tmp_path / "none.yaml"))
    with pytest.raises(BadInputError, match=r"none\.yaml cannot be read \(No such file"):
        serving_settings(["models:/loans@champion"], None, "127.0.0.1", 0)
