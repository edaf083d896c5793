"""What a server's decisions may depend on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.serving_policy import ServingPolicy, serving_policy
from apps.ml.errors import BadInputError, BundleError
from apps.ml.models.bundle import ModelBundle


def test_a_plain_model_is_served_by_the_strictest_policy(bundle_folder: Path) -> None:
    assert FolderSource(bundle_folder, ServingPolicy()).load().bundle.info.randomised is False


@pytest.mark.parametrize(
    ("fact", "name", "reason"),
    [
        ("needs_sensitive_at_prediction", "sensitive_at_prediction", "need the person's group"),
        ("randomised", "chance", "depend on a draw"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_way_to_allow_it(
    bundle: ModelBundle, fact: str, name: str, reason: str
) -> None:
    changes: dict[str, Any] = {fact: True}
    info = replace(bundle.info, **changes)
    with pytest.raises(BundleError, match=rf"{reason}.*--allow {name}"):
        ServingPolicy().require_permitted(info, "here")
    serving_policy([name]).require_permitted(info, "here")


def test_the_environment_names_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_ALLOW", "chance, sensitive_at_prediction")
    assert serving_policy() == ServingPolicy(allow_sensitive=True, allow_chance=True)
    monkeypatch.delenv("FAIRMIND_ALLOW")
    assert serving_policy() == ServingPolicy()
    with pytest.raises(BadInputError, match="did you mean 'chance'"):
        serving_policy(["chanse"])
