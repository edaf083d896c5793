"""Past bias tests: in pages, and counted."""

from typing import Any, get_args

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.bias_tests.answers import (
    BiasTestSummary,
    MetricStatistics,
    ModelStatistics,
    Risk,
    Statistics,
    Verdict,
)
from apps.backend.bias_tests.metrics import METRIC_NAMES, MetricName
from apps.backend.bias_tests.tables import bias_datasets, bias_test_metrics, bias_tests
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts
from apps.backend.storage.pages import Page, rows_of_page

MOST_MODELS = 200
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
RISKS: tuple[Risk, ...] = get_args(Risk)


class Filter:
    """Which of an organisation's tests are meant; None: any. `since`: microseconds since 1970."""

    def __init__(
        self,
        caller: Caller,
        model: str | None = None,
        dataset: str | None = None,
        verdict: Verdict | None = None,
        since: int | None = None,
    ) -> None:
        asked = ((bias_tests.c.model, model), (bias_tests.c.dataset_id, dataset), (bias_tests.c.verdict, verdict))
        self.clauses: list[ColumnElement[bool]] = [
            bias_tests.c.organisation_id == caller.organisation,
            *(column == value for column, value in asked if value is not None),
            *([] if since is None else [bias_tests.c.created_at >= since]),
        ]


async def page(parts: Parts, chosen: Filter, limit: int, cursor: str | None) -> Page[BiasTestSummary]:
    """Return one page of tests."""
    query: Select[Any] = select(bias_tests.c.id, bias_tests.c.summary).where(*chosen.clauses)
    async with parts.database.reading() as connection:
        rows, next_cursor = await rows_of_page(connection, query, bias_tests.c.id, limit, cursor)
    items = [BiasTestSummary.model_validate(row["summary"]) for row in rows]
    return Page[BiasTestSummary](items=items, next_cursor=next_cursor)


async def statistics(parts: Parts, caller: Caller, chosen: Filter) -> Statistics:
    """Return counts over tests; what has no rows is null and not 0."""
    async with parts.database.reading() as connection:
        verdicts = await _counted(connection, bias_tests.c.verdict, chosen)
        risks = await _counted(connection, bias_tests.c.risk, chosen)
        total = sum(verdicts.values())
        own = bias_datasets.c.organisation_id == caller.organisation
        rows = select(bias_tests.c.rows.label("value")).where(*chosen.clauses)
        return Statistics(
            total_tests=total,
            datasets=int((await connection.execute(select(func.count()).where(own))).scalar_one()),
            verdicts={verdict: verdicts.get(verdict, 0) for verdict in VERDICTS},
            risk_distribution={risk: risks.get(risk, 0) for risk in RISKS},
            pass_rate=verdicts.get("PASS", 0) / total if total else None,
            median_rows=await _median(connection, rows, total),
            models=await _models(connection, chosen),
            metrics=await _metrics(connection, chosen),
        )


async def _counted(connection: AsyncConnection, column: Any, chosen: Filter) -> dict[str, int]:
    query = select(column, func.count()).where(*chosen.clauses).group_by(column)
    return {str(name): int(count) for name, count in (await connection.execute(query)).all()}


async def _models(connection: AsyncConnection, chosen: Filter) -> list[ModelStatistics]:
    newest, tests = func.max(bias_tests.c.created_at), func.count()
    by_verdict = [func.count().filter(bias_tests.c.verdict == verdict).label(verdict.lower()) for verdict in VERDICTS]
    query = (
        select(bias_tests.c.model, tests.label("tests"), newest.label("newest"), *by_verdict)
        .where(*chosen.clauses)
        .group_by(bias_tests.c.model)
        .order_by(newest.desc(), bias_tests.c.model)
        .limit(MOST_MODELS)
    )
    return [
        ModelStatistics(
            model_id=row["model"],
            tests=row["tests"],
            passed=row["pass"],
            failed=row["fail"],
            inconclusive=row["inconclusive"],
            newest=moments.to_text(row["newest"]),
        )
        for row in (await connection.execute(query)).mappings()
    ]


async def _metrics(connection: AsyncConnection, chosen: Filter) -> dict[MetricName, MetricStatistics]:
    """Return the metrics that some test asked for."""
    joined = bias_test_metrics.join(bias_tests, bias_tests.c.id == bias_test_metrics.c.test_id)
    query = (
        select(bias_test_metrics.c.metric, bias_test_metrics.c.verdict, func.count())
        .select_from(joined)
        .where(*chosen.clauses)
        .group_by(bias_test_metrics.c.metric, bias_test_metrics.c.verdict)
    )
    counts = {(metric, verdict): count for metric, verdict, count in (await connection.execute(query)).all()}
    found: dict[MetricName, MetricStatistics] = {}
    for name in METRIC_NAMES:
        passed, failed, inconclusive, undefined = (
            counts.get((name, verdict), 0) for verdict in (*VERDICTS, "UNDEFINED")
        )
        if not passed + failed + inconclusive + undefined:
            continue
        scores = (
            select(bias_test_metrics.c.score.label("value"))
            .select_from(joined)
            .where(*chosen.clauses, bias_test_metrics.c.metric == name, bias_test_metrics.c.score.is_not(None))
        )
        found[name] = MetricStatistics(
            passed=passed,
            failed=failed,
            inconclusive=inconclusive,
            undefined=undefined,
            median_score=await _median(connection, scores, passed + failed + inconclusive),
        )
    return found


async def _median(connection: AsyncConnection, values: Select[Any], count: int) -> float | None:
    """Return the median of `count` selected values: the middle one, or the mean of the two in the middle."""
    if not count:
        return None
    middle = values.order_by("value").offset((count - 1) // 2).limit(2 - count % 2)
    found = [float(value) for value in (await connection.execute(middle)).scalars()]
    return sum(found) / len(found) if found else None
