"""Spans go on where the caller's trace began, with the stages inside; without the setting there are none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from apps.ml.deployment.observation.tracing import Tracing, tracing
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.errors import BadInputError
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.protected_server import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PREDICTION = "POST /v1/predict"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


WATCHED = "GET /healthz"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def traced(bundle_folder: Path, exporter: InMemorySpanExporter) -> Iterator[httpx.Client]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with running(FolderSource(bundle_folder), options=Options(tracing=Tracing(provider))) as client:
        wait_until_finished(client)
        yield client


def begin_anew(traced: httpx.Client, exporter: InMemorySpanExporter) -> None:
    """Forget all spans of earlier requests, which are made behind their answers, one request after the other."""
    exporter.clear()
    traced.get("/healthz")
    until(lambda: WATCHED in [span.name for span in exporter.get_finished_spans()])
    exporter.clear()


@pytest.mark.parametrize("count", [1, 50])
def test_a_prediction_is_a_span_of_the_callers_trace_with_its_stages_inside(
    traced: httpx.Client, exporter: InMemorySpanExporter, rows: list[dict[str, Any]], count: int
) -> None:
    begin_anew(traced, exporter)
    traced.post("/v1/predict", json={"instances": (rows * 10)[: count * 4]}, headers=PARENT)
    until(lambda: any(span.name == PREDICTION for span in exporter.get_finished_spans()))
    (whole,) = [span for span in exporter.get_finished_spans() if span.name == PREDICTION]
    stages = {span.name: span for span in exporter.get_finished_spans() if span.kind != SpanKind.SERVER}

    assert f"{whole.context.trace_id:032x}" == TRACE
    assert whole.kind == SpanKind.SERVER
    assert dict(whole.attributes or {})["http.response.status_code"] == 200
    assert set(stages) == {"score", "log"}
    for stage in stages.values():
        assert stage.parent is not None
        assert stage.parent.span_id == whole.context.span_id
        assert (whole.start_time or 0) <= (stage.start_time or 0) <= (stage.end_time or 0) <= (whole.end_time or 0)


def test_spans_hold_neither_values_nor_paths_of_strangers(
    traced: httpx.Client, exporter: InMemorySpanExporter, rows: list[dict[str, Any]]
) -> None:
    begin_anew(traced, exporter)
    traced.post("/v1/predict", json={"instances": [{**rows[0], "purpose": "Tannenbaum"}]})
    traced.get("/Tannenbaum")
    until(lambda: len(exporter.get_finished_spans()) == 4)
    assert "Tannenbaum" not in " ".join(span.to_json() for span in exporter.get_finished_spans())


def test_a_refusal_is_no_error_of_the_server(traced: httpx.Client, exporter: InMemorySpanExporter) -> None:
    begin_anew(traced, exporter)
    traced.post("/v1/predict", json={"instances": []})
    until(exporter.get_finished_spans)
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code == StatusCode.UNSET


def test_tracing_is_off_unless_asked_for() -> None:
    assert tracing({}) is None
    assert tracing({"FAIRMIND_TRACING": "off"}) is None
    with pytest.raises(BadInputError, match="FAIRMIND_TRACING is neither on nor off"):
        tracing({"FAIRMIND_TRACING": "maybe"})


def test_tracing_that_is_asked_for_sends_to_an_exporter() -> None:
    made = tracing({"FAIRMIND_TRACING": "on"})
    assert made is not None
    made.close()
