"""Counts are exact, add up over processes, and come out as Prometheus' own parser reads them."""

import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.ml.deployment.observation import shared_counts
from apps.ml.deployment.observation.durations import BOUNDS_SECONDS, FOLD_AT, Durations
from apps.ml.deployment.observation.exposition import exposition
from apps.ml.deployment.observation.meter import Counts, Meter
from apps.ml.deployment.observation.shared_counts import SharedCounts
from apps.ml.deployment.observation.state import ServerState
from apps.ml.tests.protected_server import until

STATE = ServerState(True, (), 2, None, 0.5, 1024.0, 1, (("loans", "3", "champion", "lightgbm"),))


def samples(counts: Counts, state: ServerState = STATE) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(exposition(counts, state).decode())
    return {(found.name, tuple(sorted(found.labels.items()))): found.value for one in families for found in one.samples}


def test_a_duration_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    durations: Durations[str] = Durations()
    for seconds in (0.0, 0.0001, 0.00011, 10.0, 10.1):
        durations.note("a", seconds)
    counts = durations.fold()["a"].counts

    assert counts[0] == 2
    assert counts[1] == 1
    assert counts[len(BOUNDS_SECONDS) - 1] == 1
    assert counts[-1] == 1


def test_no_duration_is_lost_between_threads_that_note_and_fold() -> None:
    durations: Durations[int] = Durations()
    each = FOLD_AT // 2

    def note(key: int) -> None:
        for _ in range(each):
            durations.note(key, 0.001 * key)

    threads = [threading.Thread(target=note, args=(key % 2,)) for key in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        durations.fold()
    for thread in threads:
        thread.join()

    assert sum(int(found.counts.sum()) for found in durations.fold().values()) == 8 * each


def test_the_text_is_what_was_counted() -> None:
    meter = Meter()
    meter.request("POST", "/v1/predict", 200, 0.002)
    meter.request("POST", "/v1/predict", 200, 0.2)
    meter.request("POST", "/v1/predict", 422, 0.001)
    meter.stage("score", "loans", "3", 0.0002)
    meter.answered("loans", "3", "challenger", "predict", 100)
    meter.refused("misfit")
    found = samples(meter.counts())

    asked = (("http_request_method", "POST"), ("http_response_status_code", "200"), ("http_route", "/v1/predict"))
    assert found["http_server_request_duration_seconds_count", asked] == 2
    assert found["http_server_request_duration_seconds_sum", asked] == pytest.approx(0.202)
    assert found["http_server_request_duration_seconds_bucket", (*asked, ("le", "0.0025"))] == 1
    assert found["http_server_request_duration_seconds_bucket", (*asked, ("le", "+Inf"))] == 2
    stage = (("model", "loans"), ("stage", "score"), ("version", "3"))
    assert found["fairmind_stage_duration_seconds_count", stage] == 1
    answered = (("arm", "challenger"), ("model", "loans"), ("route", "predict"), ("version", "3"))
    assert found["fairmind_predictions_total", answered] == 100
    assert found["fairmind_refusals_total", (("code", "misfit"),)] == 1
    assert found["fairmind_log_waiting_bytes", ()] == 1024
    served = (("alias", "champion"), ("model", "loans"), ("scorer", "lightgbm"), ("version", "3"))
    assert found["fairmind_served_version_info", served] == 1


def test_what_nobody_reports_is_left_out_and_not_zero() -> None:
    found = samples(Counts(), ServerState(False, ("why",), 0, "ill", None, None, 0, ()))

    assert ("fairmind_log_lag_seconds", ()) not in found
    assert found["fairmind_ready", ()] == 0
    assert found["fairmind_log_ill", ()] == 1


def test_each_process_tells_the_sum_of_all_and_sums_never_shrink(tmp_path: Path) -> None:
    meters = [Meter(), Meter(), Meter()]
    shared = [SharedCounts(meter, tmp_path, str(number)) for number, meter in enumerate(meters)]
    for number, meter in enumerate(meters):
        meter.answered("loans", "1", None, "predict", number + 1)
        meter.request("GET", "/readyz", 200, 0.001)
        meter.refused("misfit")
    for one in shared[1:]:
        one.start()
        one.stop()
    total = shared[0].total()

    assert total.predictions == {("loans", "1", "", "predict"): 6}
    assert total.refusals == {"misfit": 3}
    assert int(np.sum(total.requests["GET", "/readyz", 200].counts)) == 3
    assert shared[0].total().predictions == total.predictions


class AskedMeter(Meter):
    """`asked`: how often somebody began to tell what was counted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def counts(self) -> Counts:
        """Return what was counted."""
        self.asked += 1
        return super().counts()


def test_counts_that_cannot_be_written_for_a_while_are_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_counts, "TELL_SECONDS", 0.01)
    folder, meter = tmp_path / "counts", AskedMeter()
    one = SharedCounts(meter, folder, "1")
    one.start()
    folder.rename(tmp_path / "away")
    asked = meter.asked
    until(lambda: meter.asked >= asked + 2)  # whoever begins a second time could not write the first time
    assert not folder.exists()
    folder.mkdir()
    meter.refused("misfit")
    one.stop()

    assert SharedCounts(Meter(), folder, "2").total().refusals == {"misfit": 1}


def test_a_server_counts_what_it_answers_and_refuses(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    def told() -> dict[str, float]:
        families = text_string_to_metric_families(client.get("/metrics").text)
        flat = [found for one in families for found in one.samples]
        return {
            "answered": sum(one.value for one in flat if one.name == "fairmind_predictions_total"),
            "refused": sum(one.value for one in flat if one.labels.get("code") == "misfit"),
            "unknown": sum(
                one.value for one in flat if one.name.endswith("_count") and one.labels.get("http_route") == "other"
            ),
        }

    before = told()
    client.post("/v1/predict", json={"instances": rows[:7]})
    client.post("/v1/predict", json={"instances": [{}]})
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    after = told()

    assert after["answered"] - before["answered"] == 7
    assert after["refused"] - before["refused"] == 1
    assert after["unknown"] - before["unknown"] == 2
