import copy
import re
from itertools import pairwise

import pytest

from apps.ml.evaluation.documents.annex_iv import render_annex_iv
from apps.ml.evaluation.documents.bills.aibom_controls import Facts
from apps.ml.evaluation.documents.reg_b import render_reg_b
from apps.ml.evaluation.documents.rendering import DOCUMENTS, render_documents
from apps.ml.evaluation.documents.words import (
    COMPARISONS,
    FURTHER_RATES,
    GROUP_MEASURES,
    INDIVIDUAL,
    MAIN_COMPARISONS,
    RATES,
    REFERENCE_COMPARISONS,
    WORDS,
)
from apps.ml.files import sha256_of_json
from apps.ml.tests import small_evaluation

RECORDS = {
    "model": small_evaluation.record,
    "decisions": small_evaluation.audit_record,
    "decisions with labels": lambda: small_evaluation.audit_record(labels=True),
    "decisions with scores": lambda: small_evaluation.audit_record(scores=True),
    "weighted decisions": lambda: small_evaluation.audit_record(True, True, True, "negative"),
}


@pytest.fixture(scope="module", params=list(RECORDS))
def texts(request: pytest.FixtureRequest) -> dict[str, str]:
    return render_documents(RECORDS[request.param]())


def test_every_document_is_rendered_from_every_kind_of_record_and_leaves_it_as_it_is() -> None:
    for make in RECORDS.values():
        record = make()
        before = copy.deepcopy(record)
        assert tuple(render_documents(record)) == DOCUMENTS
        assert record == before


def test_the_same_record_gives_the_same_bytes() -> None:
    for make in RECORDS.values():
        assert render_documents(make()) == render_documents(make())


def test_every_table_row_has_as_many_cells_as_its_head(texts: dict[str, str]) -> None:
    for name in (name for name in texts if name.endswith(".md")):
        for table in re.findall(r"(?:^\|.*\|\n)+", texts[name], flags=re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_names_are_escaped_and_no_value_reads_as_not_a_number(texts: dict[str, str]) -> None:
    for name in (name for name in texts if name.endswith(".md")):
        assert "<b>" not in texts[name]
        assert "<script>" not in texts[name]
        assert not re.search(r"\b(nan|None|inf|Undefined|True|False)\b", texts[name])


def test_every_text_names_the_evidence_and_has_no_folder(texts: dict[str, str]) -> None:
    digests = {make()["digest"] for make in RECORDS.values()}
    for text in texts.values():
        assert any(digest in text for digest in digests)
        assert "somebody" not in text


def test_lists_and_tables_stand_apart_from_the_text_before_them(texts: dict[str, str]) -> None:
    for name in (name for name in texts if name.endswith(".md")):
        lines = texts[name].splitlines()
        for above, line in pairwise(lines):
            if line.startswith("|") and not above.startswith("|"):
                assert above == ""
            assert not (line.startswith("#") and above)


def test_everything_that_is_measured_has_words() -> None:
    for make in RECORDS.values():
        for part in make()["fairness"].values():
            rest = {"groups", "reference", "conditional", "individual"}
            assert set(part) - rest <= set(COMPARISONS)
            assert set(part["individual"]) <= set(INDIVIDUAL)
            for group in part["groups"].values():
                facts = {"n", "judged", "why_not", "four_fifths"}
                assert set(group) - facts <= {*RATES, *FURTHER_RATES, *GROUP_MEASURES}
            for compared in part["reference"]["comparisons"].values():
                assert set(compared) <= set(REFERENCE_COMPARISONS)
    assert set(MAIN_COMPARISONS) <= set(COMPARISONS) <= set(WORDS)
    assert len({word.name for word in COMPARISONS.values()}) == len(COMPARISONS)


def test_reasons_are_not_applicable_to_decisions_without_a_model() -> None:
    text = render_reg_b(small_evaluation.audit_record(labels=True))
    assert "**No statement of reasons can be supported by this record**: not applicable: only decisions" in text
    assert "## Method" not in text


def test_reasons_that_are_undefined_or_not_there_are_said_to_be() -> None:
    record = small_evaluation.record()
    record["explainability"]["reasons"] = {"method": "m", "limits": [], "undefined": "no row is decided unfavourably"}
    assert "undefined: no row is decided unfavourably" in render_reg_b(record)
    del record["explainability"]["reasons"]
    assert "no reasons are in the record" in render_reg_b(record)


def test_reasons_say_method_frequency_faithfulness_stability_and_groups() -> None:
    record = small_evaluation.record()
    text, reasons = render_reg_b(record), small_evaluation.record()["explainability"]["reasons"]
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        *("Method", "Reasons by frequency", "Can the reasons be trusted?", "By group", "Examples"),
    ]
    assert reasons["method"] in text
    assert "the income is &lt;too&gt; low" in text
    assert "Never given as a reason: region &lt;&amp;&gt; place" in text
    for one in reasons["reasons_by_frequency"]:
        assert f"| {one['column']} | {100 * one['first']['value']:.1f} %" in text
    assert text.count("(not judged)") == 6
    assert "every prohibited basis of 12 CFR 1002.2(z), age among them, was not checked" in text


def test_a_difference_of_reasons_between_groups_is_written_with_chance_and_p_value() -> None:
    record = small_evaluation.record()
    found = {"value": 0.4, "n": 90, "between": ["<a>", "b"], "p_value": 0.01, "expected_by_chance": 0.1}
    record["explainability"]["reasons"]["by_group"]["sex"]["difference"] = found
    assert "0.400 between &lt;a&gt; and b, by chance 0.100, p-value 0.010." in render_reg_b(record)


def test_the_annex_says_what_was_tested_on_what_and_leaves_room_to_sign() -> None:
    record = small_evaluation.record()
    text = render_annex_iv(record)
    assert "## Point 2(g): validation and testing" in text
    assert "## Point 3: accuracy for specific persons and groups" in text
    for digest in (record["digest"], record["model"]["bundle_sha256"], sha256_of_json(record["fairness"])):
        assert f"`{digest}`" in text
    assert "Known fault: &lt;script&gt;" in text
    assert text.count("| ____________________ |") >= 2
    assert "| 2026-02-01 | ____" in render_annex_iv(record, "2026-02-01")


def test_the_annex_lists_what_is_undefined_with_its_reason_once() -> None:
    text = render_annex_iv(small_evaluation.record())
    impacts = text[text.index("discriminatory impacts") : text.index("### Declared limits")]
    assert "undefined:" not in impacts
    place = impacts[impacts.index("#### place") :]
    assert "Not defined, because true positive rate is undefined for '&lt;none&gt;': no row" in place
    assert text.count("are undefined: true positive rate is undefined for '&lt;none&gt;'") == 1


def test_the_annex_of_decisions_without_labels_says_that_accuracy_was_not_measured() -> None:
    text = render_annex_iv(small_evaluation.audit_record())
    assert "Without labels no accuracy was measured." in text
    assert "Without labels no accuracy by group was measured." in text
    assert "demographic parity ratio" in text


def test_the_annex_names_every_undefined_comparison_and_hides_none_behind_a_number() -> None:
    text = render_annex_iv(small_evaluation.audit_record(scores=True))
    impacts = text[text.index("discriminatory impacts") : text.index("### Declared limits")]
    for name, word in MAIN_COMPARISONS.items():
        if not name.startswith("demographic_parity"):
            assert len(re.findall(rf"[:,] {re.escape(word.name)}[,.]", impacts)) == 3, name
    assert "no labels or scores" not in text


def test_the_annex_says_what_it_leaves_to_the_provider_and_what_was_not_measured() -> None:
    text = render_annex_iv(small_evaluation.record())
    assert "Robustness and cybersecurity were not measured." in text
    assert "measures of human oversight" in text
    assert "Everything below was measured on the test rows." in text
    assert "No limit was judged before this record was signed." in text


def test_the_annex_of_an_audit_says_what_was_judged_and_lists_no_digest_of_nothing() -> None:
    record = small_evaluation.audit_record()
    record["gates"] = {"verdict": "FAIL", "gates": {"four | fifths": {"verdict": "FAIL", "reason": "0.5 < 0.8"}}}
    text = render_annex_iv(record)
    assert "All together: FAIL." in text
    assert r"| four \| fifths | FAIL | 0.5 &lt; 0.8 |" in text
    assert f"`{sha256_of_json(record['gates'])}`" in text
    assert sha256_of_json({}) not in text


def test_decisions_made_from_scores_are_not_called_decisions_of_the_file() -> None:
    record = small_evaluation.audit_record(scores=True)
    record["decision"]["threshold"] = 0.5
    texts = render_documents(record)
    assert "decisions were made from the scores of the file: “hired” from 0.5 on" in texts["nyc_ll144.md"]
    assert "as they stand" not in texts["nyc_ll144.md"]
    assert "decisions made from the scores in one file" in texts["eu_ai_act_annex_iv.md"]


def test_attributes_whose_names_read_alike_keep_their_own_tables() -> None:
    record = small_evaluation.audit_record(labels=True)
    for part in (record["fairness"], record["counts"]):
        part["age_band"], part["age band"] = part["sex"], part["race"]
    record["data"]["attributes"] += [
        {"name": name, "columns": [name], "groups": record["counts"][name]["groups"]}
        for name in ("age_band", "age band")
    ]
    for name, text in render_documents(record).items():
        if name in ("four_fifths.md", "nyc_ll144.md"):
            assert len(re.findall(r"^#+ age band$", text, flags=re.MULTILINE)) == 2
        if name == "eu_ai_act_annex_iv.md":
            assert len(re.findall(r"^#+ age band$", text, flags=re.MULTILINE)) == 4
    reasons = small_evaluation.record()
    by_group = reasons["explainability"]["reasons"]["by_group"]
    by_group["age_band"], by_group["age band"] = by_group["sex"], by_group["place"]
    assert render_reg_b(reasons).count("### age band\n") == 2


def test_a_statement_that_leaves_out_what_counted_most_says_so() -> None:
    record = small_evaluation.record()
    examples = record["explainability"]["reasons"]["examples"]
    examples[0]["strongest_withheld"], examples[1]["strongest_withheld"] = True, False
    lines = [line for line in render_reg_b(record).splitlines() if line.startswith("- Row ")]
    assert lines[0].endswith("(the factor that counted most is withheld)")
    assert not lines[1].endswith("withheld)")


def test_every_blank_to_fill_is_a_line(texts: dict[str, str]) -> None:
    assert not any(r"\_" in text for name, text in texts.items() if name.endswith(".md"))


def test_facts_from_outside_reach_the_documents_that_need_them() -> None:
    texts = render_documents(small_evaluation.record(), Facts(dated="2026-02-01"))
    assert all("2026-02-01" in texts[name] for name in ("nyc_ll144.md", "eu_ai_act_annex_iv.md", "aibom_fairness.json"))
