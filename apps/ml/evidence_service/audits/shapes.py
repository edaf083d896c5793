"""The JSON of audits and of tables, for the OpenAPI document and for errors."""

from typing import Any

from pydantic import BaseModel, Field

from apps.ml.deployment.requests.error_shape import Shape
from apps.ml.evidence_service.audits.column_types import ColumnType


class AuditMisfit(Shape):
    """One thing that does not fit, of a whole column. `rows`: how many; `code`: what, for programs."""

    code: str
    column: str | None = None
    rows: int | None = Field(default=None, ge=0)
    problem: str
    expected: str | None = None


class AuditErrorBody(Shape):
    """`code` is stable and meant for programs; `message` ends with the act that repairs it."""

    code: str
    message: str
    findings: list[AuditMisfit] = []


class AuditErrorAnswer(Shape):
    """A file or parameters that cannot be used."""

    error: AuditErrorBody


class AuditAnswer(BaseModel):
    """What `fairmind audit --json` prints, without `output` and `files`; docs/ml/audit.md explains it."""

    verdict: str | None = Field(description="PASS, FAIL or INCONCLUSIVE; null where no gate was asked for.")
    exit_code: int = Field(description="What the command would have ended with: 0, 1 for FAIL, 3 for INCONCLUSIVE.")
    rows: int
    evidence: str = Field(description="Digest of the evidence record.")
    notes: list[str]
    performance: dict[str, Any]
    fairness: dict[str, Any]
    counts: dict[str, Any]
    gates: dict[str, Any] | None
    record: dict[str, Any] | None = Field(default=None, description="Only where `record=true` asks for it.")


class TableColumn(BaseModel):
    """One column."""

    name: str
    type: ColumnType


class TableAnswer(BaseModel):
    """What a file holds. `left_out`: columns of lists or bytes, which no audit can use."""

    rows: int
    columns: list[TableColumn]
    preview: list[dict[str, Any]] = Field(description="The first rows, five at most; long texts are cut.")
    left_out: list[str]
