"""From a test to the options of an audit."""

from apps.backend.bias_tests.bodies import Detection, Word, Words
from apps.backend.bias_tests.metrics import METRICS, gate_of
from apps.backend.upstreams.audits import Options

FIELD_OF_OPTION = {
    "sensitive": "protected_attribute",
    "prediction": "prediction_column",
    "label": "ground_truth_column",
    "score": "score_column",
    "threshold": "score_threshold",
    "positive": "positive_label",
    "negative": "negative_label",
    "favourable": "favourable_label",
    "missing": "missing_values",
}
"""The engine's name of an option → the field by which clients know it, where the two differ."""


def gates_of(body: Detection) -> tuple[str, ...]:
    """Return the gates of the metrics that can be measured, each once: two metrics may ask one question."""
    gates = [gate_of(METRICS[name], body.fairness_threshold) for name in body.asked if not body.lacks(name)]
    return tuple(dict.fromkeys(gates))


def options_of(body: Detection) -> Options:
    """Return the options of the audit that answers a test, its evidence record included."""
    threshold = None if body.score_threshold is None else _number(body.score_threshold)
    plain = {
        "prediction": body.prediction_column,
        "label": body.ground_truth_column,
        "score": body.score_column,
        "threshold": threshold,
    }
    words = {
        "positive": body.positive_label,
        "negative": body.negative_label,
        "favourable": body.favourable_label,
        "missing": body.missing_values,
    }
    bands = None if body.bands is None else f"{body.protected_attribute}={','.join(map(_number, body.bands))}"
    gates = gates_of(body)
    return {
        "sensitive": [_entry(body.protected_attribute)],
        **{option: value for option, value in plain.items() if value is not None},
        **{option: _entries(value) for option, value in words.items() if value is not None},
        **({} if bands is None else {"bands": [bands]}),
        **({"gate": list(gates)} if gates else {"no_gates": "true"}),
        **({"leave_out_missing": "true"} if body.leave_out_missing else {}),
        # Names the file in the record; the names that clients gave are no part of it.
        "name": body.dataset_id,
        "record": "true",
    }


def _entries(words: Words) -> list[str]:
    return [_entry(_text(word)) for word in (words if isinstance(words, list) else [words])]


def _text(word: Word) -> str:
    """Return a value as a file holds it."""
    if isinstance(word, bool):
        return "true" if word else "false"
    return word if isinstance(word, str) else _number(word)


def _number(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(number)


def _entry(text: str) -> str:
    """Return a text as one entry of a list, whatever it holds: entries are separated by commas."""
    return '"' + text.replace('"', '""') + '"'
