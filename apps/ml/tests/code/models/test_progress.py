import io

import pytest

from apps.ml.models import progress
from apps.ml.models.progress import fit_progress, lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_short_fit_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 3600.0)  # this one is not long, on any machine
    stream = io.StringIO()
    with fit_progress("Fitting", stream) as report:
        report(1, 10, 0.5)
    assert stream.getvalue() == ""


def test_a_long_fit_prints_a_line_every_ten_seconds() -> None:
    stream = io.StringIO()
    seconds = iter([0.0, 4.0, 11.0, 11.0, 15.0, 22.0, 22.0])
    report = lines("Fitting", stream, clock=lambda: next(seconds))
    for done in (1, 2, 3, 4):
        report(done, 10, 0.5 if done < 4 else None)
    assert stream.getvalue().splitlines() == [
        "Fitting: round 2 of at most 10, validation loss 0.5000",
        "Fitting: round 4 of at most 10",
    ]


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with fit_progress("Fitting forest", stream) as report:
        report(10, 10, None)
    assert "Fitting forest" in stream.getvalue()
    assert "round 10 of at most 10" in stream.getvalue()


def test_without_a_stream_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with fit_progress("Fitting") as report:
        report(1, 2, None)
    assert capsys.readouterr().out == ""
