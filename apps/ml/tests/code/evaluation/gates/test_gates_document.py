"""The examples of docs/ml/gates.md are accepted and do what the page says."""

import re
from pathlib import Path

import pytest
import yaml

from apps.ml.evaluation.gates.judging import verdict_exit_code
from apps.ml.parameters import PAIRED_GAPS, PAIRED_METRICS, Gate, ModelRegistration, Policy

PAGE = (Path(__file__).resolve().parents[6] / "docs/ml/gates.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_gates_of_the_page_are_accepted(text: str) -> None:
    rules = ModelRegistration.model_validate(yaml.safe_load(text)["model_registration"])
    assert [gate.name for gate in rules.champion_gates] == ["ranking against the champion"]


@pytest.mark.parametrize("text", blocks("python"))
def test_the_code_of_the_page_runs(text: str) -> None:
    exec(compile(text, "docs/ml/gates.md", "exec"), {})  # noqa: S102 (our own page)


def test_every_key_of_a_gate_and_every_rule_is_described() -> None:
    for name in (*Gate.model_fields, *Policy.model_fields):
        assert f"`{name}`" in PAGE, name


def test_everything_that_is_compared_with_the_champion_is_named() -> None:
    for name in PAIRED_METRICS:
        assert f"performance.{name}`" in PAGE or f"`.{name}`" in PAGE
    for name in PAIRED_GAPS:
        assert name in PAGE or f"`{name.removesuffix('difference')}…`" in PAGE


def test_the_exit_codes_are_those_of_the_page() -> None:
    assert "exit code: 0, 1, 3" in PAGE
    assert [verdict_exit_code(verdict) for verdict in ("PASS", "FAIL", "INCONCLUSIVE")] == [0, 1, 3]
