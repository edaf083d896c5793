"""What came of the files that were sent, for Prometheus."""

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from apps.ml.evidence_service.audits.job import Work
from apps.ml.evidence_service.audits.places import Places


class Tally:
    """Counts requests by what came of them: `answered`, the code of a refusal, or `gone`."""

    def __init__(self) -> None:
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, float] = {}

    def note(self, work: Work, outcome: str, seconds: float) -> None:
        """Take one request that is over."""
        self._outcomes[work, outcome] += 1
        self._seconds[work] = self._seconds.get(work, 0.0) + seconds

    def metrics(self, places: Mapping[Work, Places]) -> Iterable[Metric]:
        """Return what was counted, and who is inside now."""
        inside = GaugeMetricFamily("fairmind_audit_requests_inside", "Requests with a place", labels=("work",))
        workers = GaugeMetricFamily("fairmind_audit_workers", "Workers that read a file now", labels=("work",))
        for work, there in places.items():
            inside.add_metric((work,), there.taken)
            workers.add_metric((work,), there.computing)
        labels = ("work", "outcome")
        ended = CounterMetricFamily("fairmind_audit_requests", "Requests by what came of them", labels=labels)
        for key, number in sorted(self._outcomes.items()):
            ended.add_metric(key, number)
        spent = CounterMetricFamily("fairmind_audit_seconds", "Seconds of all requests together", labels=("work",))
        for name, seconds in sorted(self._seconds.items()):
            spent.add_metric((name,), seconds)
        return inside, workers, ended, spent
