"""Whatever JSON object is sent as an application: a decision, or a refusal that says where, and never a failure."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from apps.backend.decisions.tables import decisions
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import APPLICATION, COLUMNS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
NAMES = st.sampled_from(sorted(COLUMNS)) | TEXT
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def require_decided_or_refused(office: Office, application: dict[str, Any]) -> int:
    before = _count(office)
    answered = office.ask(application)
    made = _count(office) - before
    if answered.status_code == 201:
        assert made == 1
        assert office.viewer.get(answered.headers["location"]).json()["application"] == application
    else:
        assert (answered.status_code, answered.json()["code"], made) == (422, "misfit", 0)
        assert all(error["location"].startswith("body.application") for error in answered.json()["errors"])
        assert answered.json()["errors"]
    return answered.status_code


def _count(office: Office) -> int:
    query = select(func.count()).where(decisions.c.organisation_id == office.organisation.id)
    return int(office.rows(query)[0][0])


@FEW
@given(application=st.dictionaries(NAMES, ANY, max_size=8))
def test_any_object_is_decided_or_refused(office: Office, application: dict[str, Any]) -> None:
    office.models.takes_anything = False
    require_decided_or_refused(office, application)


@FEW
@given(application=st.dictionaries(TEXT, PLAIN, max_size=8))
def test_plain_values_that_the_model_takes_are_kept_as_they_came(office: Office, application: dict[str, Any]) -> None:
    office.models.takes_anything = True
    assert require_decided_or_refused(office, application) == 201


@FEW
@given(changed=st.sampled_from(sorted(COLUMNS)), value=PLAIN)
def test_one_value_decides_whether_it_fits(office: Office, changed: str, value: object) -> None:
    office.models.takes_anything = False
    status = require_decided_or_refused(office, {**APPLICATION, changed: value})
    fits = value is None or (isinstance(value, COLUMNS[changed]) and not isinstance(value, bool))
    assert status == (201 if fits else 422)
