"""Traces by OpenTelemetry, where the extra `tracing` is installed and FAIRMIND_TRACING is `on`.

A span per request with the stages below it; the caller's trace goes on (W3C trace context). Spans are made after the
answer was sent, from times that were taken anyway.

References: OpenTelemetry semantic conventions for HTTP server spans, 1.23.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from apps.ml.errors import BadInputError

TRACING_VARIABLE = "FAIRMIND_TRACING"
ON, OFF = "on", "off"
SERVICE_NAME = "fairmind-model-server"
NANOSECONDS = 1_000_000_000

Stages = list[tuple[str, float, float]]
"""Name, start and seconds (`time.perf_counter`) of each stage of one request."""

STAGES: ContextVar[Stages | None] = ContextVar("stages", default=None)
"""Where the stages of the present request are noted; None: nobody traces it."""


class Tracing:
    """Makes the spans of finished requests."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("fairmind")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self) -> Stages:
        """Collect the stages of the request that begins in this context."""
        stages: Stages = []
        STAGES.set(stages)
        return stages

    def finish(
        self, headers: Sequence[tuple[bytes, bytes]], about: Mapping[str, str | int], start: float, stages: Stages
    ) -> None:
        """Make the spans of a request that began at `start` (`time.perf_counter`) and is over now."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        offset = time.time_ns() - int(time.perf_counter() * NANOSECONDS)
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name in _CARRIED}
        name = f"{about['http.request.method']} {about['http.route']}"
        span = self._tracer.start_span(
            name, self._propagator.extract(carrier), SpanKind.SERVER, dict(about), start_time=_instant(start, offset)
        )
        if int(about["http.response.status_code"]) >= 500:
            span.set_status(Status(StatusCode.ERROR))
        for stage, begun, seconds in stages:
            inner = self._tracer.start_span(stage, set_span_in_context(span), start_time=_instant(begun, offset))
            inner.end(_instant(begun + seconds, offset))
        span.end()

    def close(self) -> None:
        """Send what is not sent yet."""
        self._provider.shutdown()


def tracing(environment: Mapping[str, str] | None = None) -> Tracing | None:
    """Return tracing as the environment asks for it; where spans go is said by OpenTelemetry's own variables.

    Raises
    ------
    BadInputError
        FAIRMIND_TRACING is neither on nor off, or the extra is not installed.
    """
    chosen = (os.environ if environment is None else environment).get(TRACING_VARIABLE, "").strip().lower() or OFF
    if chosen not in (ON, OFF):
        raise BadInputError(f"{TRACING_VARIABLE} is neither {ON} nor {OFF}. Set it to one of them, or unset it.")
    return Tracing(_provider()) if chosen == ON else None


def _provider() -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BadInputError(
            f"{TRACING_VARIABLE} is {ON}, but OpenTelemetry is not installed. Install the extra `tracing`, or unset it."
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE_NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _instant(seconds: float, offset: int) -> int:
    return int(seconds * NANOSECONDS) + offset


_CARRIED = (b"traceparent", b"tracestate")
