"""Counts in the text format of Prometheus.

References: OpenTelemetry semantic conventions 1.23, `http.server.request.duration` (seconds) and its attributes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.ml.deployment.observation.durations import BOUNDS_SECONDS, Histogram
from apps.ml.deployment.observation.meter import Counts
from apps.ml.deployment.observation.state import ServerState

REQUEST_LABELS = ("http_request_method", "http_route", "http_response_status_code")
STAGE_LABELS = ("stage", "model", "version")
ANSWER_LABELS = ("model", "version", "arm", "route")
VERSION_LABELS = ("model", "version", "alias", "scorer")


def exposition(counts: Counts, state: ServerState) -> bytes:
    """Return the text of all metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(list(_metrics(counts, state))))
    return generate_latest(registry)


class _Ready(Collector):
    """Metrics that were made already, as a collector."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _metrics(counts: Counts, state: ServerState) -> Iterator[Metric]:
    name, text = "http_server_request_duration_seconds", "Time from the first byte of a request to its answer."
    yield _histograms(name, text, REQUEST_LABELS, counts.requests)
    name, text = "fairmind_stage_duration_seconds", "Time of one stage of answering, by version."
    yield _histograms(name, text, STAGE_LABELS, counts.stages)
    yield _counters("fairmind_predictions", "Predictions given.", ANSWER_LABELS, counts.predictions)
    refusals = {(code,): count for code, count in counts.refusals.items()}
    yield _counters("fairmind_refusals", "Requests refused, by code.", ("code",), refusals)
    yield from _gauges(state)


def _gauges(state: ServerState) -> Iterator[Metric]:
    for name, text, value in (
        ("fairmind_ready", "1 where predictions are answered.", float(state.ready)),
        ("fairmind_requests_in_flight", "Requests that are being answered in this process.", float(state.in_flight)),
        ("fairmind_log_ill", "1 where the prediction log is ill.", float(state.log_trouble is not None)),
        ("fairmind_log_lag_seconds", "Age of the oldest entry that is not in the database yet.", state.log_lag_seconds),
        ("fairmind_log_waiting_bytes", "Journal bytes that are not in the database yet.", state.log_waiting_bytes),
        ("fairmind_versions_refused", "Versions that were found and refused.", float(state.versions_refused)),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, text, value=value)
    served = GaugeMetricFamily("fairmind_served_version_info", "Versions that answer now.", labels=VERSION_LABELS)
    for labels in state.served:
        served.add_metric(labels, 1.0)
    yield served


def _histograms(name: str, text: str, labels: Sequence[str], content: Mapping[Any, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    bounds = [*map(str, BOUNDS_SECONDS), "+Inf"]
    for key, histogram in content.items():
        totals = histogram.counts.cumsum().tolist()
        buckets = list(zip(bounds, map(float, totals), strict=True))
        family.add_metric([str(part) for part in key], buckets, histogram.seconds)
    return family


def _counters(name: str, text: str, labels: Sequence[str], content: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in content.items():
        family.add_metric(list(key), count)
    return family
