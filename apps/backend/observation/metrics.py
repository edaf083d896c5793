"""Numbers about this process, in Prometheus' format.

Names and labels of requests are OpenTelemetry's; a label never holds what a caller wrote. The counts begin anew with
the process; gauges are set when they are read.

References: OpenTelemetry semantic conventions for HTTP metrics; Prometheus exposition format 0.0.4.
"""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

MEDIA_TYPE = CONTENT_TYPE_LATEST
NO_ROUTE = "none"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "_OTHER"
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BREAKER_STATES = ("closed", "half-open", "open")

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's head to the end of its answer.",
    ("http_request_method", "http_route", "http_response_status_code"),
    buckets=REQUEST_SECONDS,
    registry=REGISTRY,
)
_UPSTREAMS = Histogram(
    "fairmind_backend_upstream_duration_seconds",
    "Time of a call to an upstream, by how it ended.",
    ("upstream", "outcome"),
    buckets=REQUEST_SECONDS,
    registry=REGISTRY,
)
_BREAKERS = Gauge(
    "fairmind_backend_breaker_state", "1 for the state that a breaker is in.", ("upstream", "state"), registry=REGISTRY
)
_JOBS = Counter("fairmind_backend_jobs", "Runs of background jobs.", ("job", "outcome"), registry=REGISTRY)
_JOB_SECONDS = Counter("fairmind_backend_job_seconds", "Time spent in background jobs.", ("job",), registry=REGISTRY)
_CONNECTIONS = Gauge(
    "fairmind_backend_database_connections", "Connections to the database.", ("state",), registry=REGISTRY
)
_READY = Gauge("fairmind_backend_ready", "1 where /readyz says ready.", registry=REGISTRY)
_IN_FLIGHT = Gauge("fairmind_backend_requests_in_flight", "Requests that are being worked on.", registry=REGISTRY)


def request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answered request; `route`: the template of its path, None where it met none."""
    known = method if method in METHODS else OTHER_METHOD
    _REQUESTS.labels(known, route or NO_ROUTE, str(status)).observe(seconds)


def upstream(name: str, outcome: str, seconds: float) -> None:
    """Count a call to an upstream. `outcome`: how it ended in one of a few words, as `answered`, `refused`, `away`."""
    _UPSTREAMS.labels(name, outcome).observe(seconds)


def breaker(name: str, state: str) -> None:
    """Set the state of an upstream's breaker: `closed`, `half-open` or `open`."""
    for each in BREAKER_STATES:
        _BREAKERS.labels(name, each).set(each == state)


def job(name: str, succeeded: bool, seconds: float) -> None:
    """Count a run of a background job."""
    _JOBS.labels(name, "done" if succeeded else "failed").inc()
    _JOB_SECONDS.labels(name).inc(seconds)


def database_connections(in_use: int, idle: int) -> None:
    """Set the number of connections to the database."""
    _CONNECTIONS.labels("in_use").set(in_use)
    _CONNECTIONS.labels("idle").set(idle)


def ready(is_ready: bool) -> None:
    """Set whether the backend is ready."""
    _READY.set(is_ready)


def requests_in_flight(number: int) -> None:
    """Set how many requests are being worked on."""
    _IN_FLIGHT.set(number)


def exposition() -> bytes:
    """Return all numbers as text for Prometheus."""
    return generate_latest(REGISTRY)
