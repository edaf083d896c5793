"""MLflow's four JSON forms of rows, and its answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.ml.deployment.answering.desk import Answered
from apps.ml.deployment.protocols.record_forms import Record, misshapen, records_of_columns, records_of_rows
from apps.ml.deployment.requests.limits import Limits

SPLIT, RECORDS, INSTANCES, INPUTS = "dataframe_split", "dataframe_records", "instances", "inputs"
FORMS = (SPLIT, RECORDS, INSTANCES, INPUTS)
PARAMETERS = "params"
SPLIT_KEYS = {"columns", "data", "index"}


def records_of_invocation(document: Any, names: Sequence[str], limits: Limits) -> list[Record]:
    """Return the records of a parsed body of `/invocations`.

    Parameters
    ----------
    names
        The model's columns, which arrays without names are read in the order of.

    Raises
    ------
    RefusalError
        400 none or several of the forms, an unknown key, parameters (the models have none), or another shape; 413 too
        many rows; 422 none.
    """
    form = _form(document)
    content = document[form]
    if form == SPLIT:
        return _records_of_split(content, limits)
    if form == INPUTS and isinstance(content, Mapping):
        return records_of_columns(content, limits)
    if form == RECORDS:
        _require_objects(content)
    return records_of_rows(content, names, limits)


def invocation_answer(answered: Answered) -> bytes:
    """Return the JSON that MLflow makes of the model's own data frame: `score` and, where it decides, `decision`."""
    scores = answered.scores.tolist()
    if answered.decisions is None:
        predictions = [{"score": score} for score in scores]
    else:
        decisions = answered.decisions.tolist()
        pairs = zip(scores, decisions, strict=True)
        predictions = [{"score": score, "decision": decision} for score, decision in pairs]
    return msgspec.json.encode({"predictions": predictions})


def _form(document: Any) -> str:
    if not isinstance(document, Mapping):
        raise misshapen(f"The body is not a JSON object. Send an object with one of {', '.join(FORMS)}.")
    if document.get(PARAMETERS):
        raise misshapen(f"The models take no parameters. Leave '{PARAMETERS}' out.")
    given = [key for key in document if key != PARAMETERS]
    if len(given) != 1 or given[0] not in FORMS:
        raise misshapen(f"The body does not hold exactly one of {', '.join(FORMS)}. Send one of them and no other key.")
    return given[0]


def _records_of_split(content: Any, limits: Limits) -> list[Record]:
    if not isinstance(content, Mapping) or not {"columns", "data"} <= content.keys() <= SPLIT_KEYS:
        raise misshapen(f"'{SPLIT}' is no object of columns and data. Send both, and index if you like.")
    columns = content["columns"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise misshapen("'columns' is no array of names. Name each column.")
    if len(set(columns)) != len(columns):
        raise misshapen("'columns' names a column twice. Name each column once.")
    data = content["data"]
    if isinstance(data, list) and not all(isinstance(row, list) for row in data):
        raise misshapen("'data' is no array of arrays. Send one array per row.")
    return records_of_rows(data, columns, limits)


def _require_objects(content: Any) -> None:
    if isinstance(content, list) and not all(isinstance(row, Mapping) for row in content):
        raise misshapen(f"'{RECORDS}' is no array of objects. Send one object per row.")
