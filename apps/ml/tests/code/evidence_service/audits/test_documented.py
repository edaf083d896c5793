"""The page says every code with which a file is refused, every parameter, every setting and every metric."""

import re
from pathlib import Path

from apps.ml.evidence_service.audits import settings, tally
from apps.ml.evidence_service.audits.query import AuditQuery
from apps.ml.evidence_service.audits.routes import OPTIONS_CODE

ROOT = Path(__file__).parents[6]
CODE = ROOT / "apps" / "ml" / "evidence_service" / "audits"
PAGE = (ROOT / "docs" / "api" / "audits_over_http.md").read_text(encoding="utf-8")
RAISED = (
    re.compile(r"HTTPStatus\.[A-Z_]+, \"([a-z_]+)\""),
    re.compile(r"[Rr]efused\(\"([a-z_]+)\""),
    re.compile(r"\"code\", \"([a-z_]+)\""),
)
ELSEWHERE = {"content_encoding", "unreadable_table", OPTIONS_CODE}
"""Raised by code that other services share, or named by a constant."""

INTERNAL = {"internal_error"}


def test_every_code_is_in_the_table_and_no_other() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CODE.glob("*.py"))
    raised = {code for pattern in RAISED for code in pattern.findall(text)} | ELSEWHERE
    documented = {
        code
        for row in re.findall(r"^\| [45][0-9]{2} (`[^|]*) \|", PAGE, flags=re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", row)
    }
    assert documented == raised - INTERNAL


def test_every_parameter_and_setting_and_metric_is_on_the_page() -> None:
    settings_text = Path(str(settings.__file__)).read_text(encoding="utf-8")
    metrics_text = Path(str(tally.__file__)).read_text(encoding="utf-8")
    names = {*AuditQuery.model_fields, *re.findall(r"\"(FAIRMIND_[A-Z_]+)\"", settings_text)}
    assert len(names) > 25
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
    metrics = set(re.findall(r"\"(fairmind_[a-z_]+)\"", metrics_text))
    assert {name for name in metrics if name not in PAGE} == set()
    usual = settings.AuditSettings()
    for value in (usual.body_bytes, usual.memory_bytes):
        assert f"| {value} (" in PAGE
