"""Bias tests: made by an audit, kept whole, read again."""

import difflib
from http import HTTPStatus
from typing import Any

from sqlalchemy import insert, select

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.bias_tests import datasets
from apps.backend.bias_tests.answers import BiasTest, BiasTestEvidence, BiasTestSummary
from apps.backend.bias_tests.asking import FIELD_OF_OPTION, options_of
from apps.backend.bias_tests.bodies import Detection
from apps.backend.bias_tests.dataset_files import DatasetFiles
from apps.backend.bias_tests.file_kinds import MEDIA_TYPES
from apps.backend.bias_tests.results import bias_test_of
from apps.backend.bias_tests.tables import bias_test_metrics, bias_test_records, bias_tests
from apps.backend.identifiers import is_id, new_id
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import require_granted
from apps.backend.parts import Parts
from apps.backend.problems import Misfit, ProblemError, not_found
from apps.backend.protection.repeats import keep
from apps.backend.upstreams.audits import AuditAnswer, Audits, TableFile
from apps.backend.upstreams.evidence_service import broken

WHAT = "bias test"
MOST_NAMES = 5


async def detect(parts: Parts, caller: Caller, body: Detection) -> BiasTest:
    """Have the decisions of a data set audited, and keep what the audit says.

    Raises
    ------
    ProblemError
        404 the organisation has no such model or data set; 409 the data set's file is gone; 422 columns or values do
        not fit; 503 the evidence service does not answer, or not as it should. Nothing is kept then.
    """
    async with parts.database.reading() as connection:
        await require_granted(connection, caller.organisation, body.model_id)
        dataset = await datasets.found(connection, caller, body.dataset_id)
    _require_fitting(body, [column["name"] for column in dataset.columns])
    path = DatasetFiles(parts.settings.state).path(caller.organisation, dataset.id)
    try:
        answer = await Audits(parts.evidence).audit(
            TableFile(path, MEDIA_TYPES[dataset.kind]), options_of(body), FIELD_OF_OPTION
        )
    except FileNotFoundError as error:
        detail = "The file of this data set is gone. Upload it again."
        raise ProblemError(HTTPStatus.CONFLICT, "file_gone", detail) from error
    made = moments.now()
    known = {
        "test_id": new_id(),
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "timestamp": moments.to_text(made),
        "requested_by": caller.actor,
    }
    test = bias_test_of(answer, body, known)
    await _store(parts, caller, body, test, answer, made)
    return test


async def read(parts: Parts, caller: Caller, test: str) -> BiasTest:
    """Return one test as it was answered.

    Raises
    ------
    ProblemError
        404 the organisation has no such test.
    """
    query = select(bias_tests.c.answer).where(
        bias_tests.c.organisation_id == caller.organisation, bias_tests.c.id == test
    )
    async with parts.database.reading() as connection:
        answer = (await connection.execute(query)).scalar() if is_id(test) else None
    if answer is None:
        raise not_found(WHAT)
    return BiasTest.model_validate(answer)


async def read_evidence(parts: Parts, caller: Caller, test: str) -> BiasTestEvidence:
    """Return the evidence record of one test.

    Raises
    ------
    ProblemError
        404 the organisation has no such test.
    """
    query = (
        select(bias_test_records.c.record, bias_tests.c.evidence)
        .join(bias_tests, bias_tests.c.id == bias_test_records.c.test_id)
        .where(bias_tests.c.organisation_id == caller.organisation, bias_tests.c.id == test)
    )
    async with parts.database.reading() as connection:
        found = (await connection.execute(query)).one_or_none() if is_id(test) else None
    if found is None:
        raise not_found(WHAT)
    return BiasTestEvidence(test_id=test, evidence=found.evidence, record=found.record)


async def _store(parts: Parts, caller: Caller, body: Detection, test: BiasTest, answer: AuditAnswer, made: int) -> None:
    owner = {"organisation_id": caller.organisation}
    if answer.record is None:
        raise broken("an audit without its record")
    row = {
        "id": test.test_id,
        **owner,
        "created_at": made,
        "made_by": caller.actor,
        "model": test.model_id,
        "dataset_id": test.dataset_id,
        "verdict": test.verdict,
        "risk": test.overall_risk,
        "rows": test.rows,
        "evidence": test.evidence,
        "asked": body.model_dump(mode="json"),
        "summary": test.model_dump(mode="json", include=set(BiasTestSummary.model_fields)),
        "answer": test.model_dump(mode="json"),
    }
    metrics = [
        {**owner, "test_id": test.test_id, "metric": name, "verdict": result.verdict, "score": result.score}
        for name, result in test.results.items()
    ]
    about: dict[str, Any] = {
        "model": test.model_id,
        "dataset": test.dataset_id,
        "verdict": test.verdict,
        "evidence": test.evidence,
    }
    async with parts.database.writing() as connection:
        await connection.execute(insert(bias_tests), row)
        await connection.execute(insert(bias_test_metrics), metrics)
        await connection.execute(insert(bias_test_records), {**owner, "test_id": test.test_id, "record": answer.record})
        await append(connection, caller, "bias_test.made", f"bias_test:{test.test_id}", about)
        await keep(connection, test)


def _require_fitting(body: Detection, there: list[str]) -> None:
    """Refuse columns that the data set does not have, one that is named twice, and decisions named never or twice."""
    misfits = [
        Misfit(location=f"body.{field}", problem="the data set has no such column", expected=_near(name, there))
        for field, name in body.columns.items()
        if name is not None and name not in there
    ]
    named = [name for name in body.columns.values() if name is not None]
    if len(set(named)) < len(named):
        misfits.append(Misfit(location="body", problem="a column is named twice", expected="a column for each field"))
    decided = (body.prediction_column is not None, body.score_threshold is not None)
    if decided not in ((True, False), (False, True)) or (decided[1] and body.score_column is None):
        either = "either prediction_column, or score_column and score_threshold"
        misfits.append(
            Misfit(location="body.prediction_column", problem="what was decided is unclear", expected=either)
        )
    if misfits:
        detail = "The test does not fit the data set. Mend what `errors` lists."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits)


def _near(name: str, there: list[str]) -> str:
    """Return the columns that may be meant."""
    near = difflib.get_close_matches(name, there, MOST_NAMES, 0.6) or there[:MOST_NAMES]
    more = "" if len(there) <= len(near) else f", or another of its {len(there):,} columns"
    return f"one of {', '.join(near)}"[:1000] + more
