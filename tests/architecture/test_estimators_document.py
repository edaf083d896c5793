import re

from apps.ml.models.catalogue import ESTIMATORS
from tests.architecture import estimators_document


def test_the_page_of_estimators_is_up_to_date() -> None:
    page = estimators_document.DOCUMENT.read_text(encoding="utf-8")
    assert page == estimators_document.render(), "run `make docs`"


def test_the_page_has_a_row_and_a_section_for_every_estimator() -> None:
    page = estimators_document.DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+):", page, flags=re.MULTILINE) == list(ESTIMATORS)
    assert set(estimators_document.NOTES) <= set(ESTIMATORS)
