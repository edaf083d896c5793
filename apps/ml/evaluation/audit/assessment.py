"""From an audited file to its evidence record: count, assess, judge, put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.data.sensitive import band_names
from apps.ml.errors import EXIT_DONE, BadInputError
from apps.ml.evaluation.audit.counting import AuditCounts, Progress, count_file
from apps.ml.evaluation.audit.limits import ORIGIN, default_gates
from apps.ml.evaluation.audit.options import AuditOptions
from apps.ml.evaluation.audit.overall import measure_overall
from apps.ml.evaluation.curves import curves_of
from apps.ml.evaluation.fairness.assessment import assess_joint
from apps.ml.evaluation.fairness.results import FairnessAssessment
from apps.ml.evaluation.gates.guards import judge_guards
from apps.ml.evaluation.gates.judging import judge, together, verdict_exit_code, worst
from apps.ml.evaluation.gates.summary import by_name, summary
from apps.ml.evaluation.metric_files import fairness_report
from apps.ml.evaluation.record.audit_findings import AuditedAttribute, AuditFindings, assemble_audit_evidence
from apps.ml.evaluation.statistics.counting.joint_counts import MOST_GROUPS, JointCounts
from apps.ml.files import sha256_of_file
from apps.ml.parameters import Explanations, GroupPerformance, Guards, ModelEvaluation
from apps.ml.validation_errors import nearest_name

SEED = 20260103
"""Of the draws behind bounds that have no closed form; the same file gives the same record."""

_NOT_FOR_AUDITS = {"explanations", "consistency_neighbours", "consistency_rows"}


@dataclass(frozen=True)
class Audit:
    """An audit that is done: its evidence record, the counts it was made from, what the command line ends with."""

    record: Mapping[str, Any]
    counts: JointCounts
    exit_code: int


def audit(options: AuditOptions, progress: Progress | None = None) -> Audit:
    """Audit the decisions in a file.

    Returns
    -------
    Audit
        `exit_code` is 0 where all gates pass or none was asked for, 1 where one fails, else 3.

    Raises
    ------
    BadInputError
        The options contradict each other, the file cannot be read, its rows cannot be audited as asked, or a gate
        leads nowhere.
    """
    parameters = _parameters(options)
    counts = count_file(options, parameters, progress)
    _require_few_groups(options, counts)
    _require_references(options, counts)
    scoring = None
    if counts.scoring is not None:
        scoring = {shown: counts.scoring.table(*names) for shown, names in options.crossed.items()}
    assessment = assess_joint(
        counts.joint, options.crossed, options.words.favourable_side, parameters, options.conditions, scoring
    )
    fairness = fairness_report(assessment)
    performance = measure_overall(counts.joint, options, parameters)
    gates = _judged(options, assessment, fairness, performance)
    record = assemble_audit_evidence(
        AuditFindings(
            file_name=options.path.name,
            file_sha256=sha256_of_file(options.path),
            rows=counts.joint.rows,
            columns=_columns(options),
            attributes=_attributes(options, counts),
            favourable=options.words.favourable_side,
            positive_name=_outcome_name(options, counts, positive=True),
            negative_name=_outcome_name(options, counts, positive=False),
            parameters=parameters.model_dump(mode="json", exclude=_NOT_FOR_AUDITS),
            performance=performance,
            fairness=fairness,
            counts=assessment.counts_to_dict(),
            inference=assessment.inference_to_dict(),
            curves=curves_of(counts.joint, options.crossed, parameters),
            gates=gates,
            notes=_notes(options, counts),
            threshold=options.threshold,
        )
    )
    return Audit(record, counts.joint, EXIT_DONE if gates is None else verdict_exit_code(gates["verdict"]))


def _parameters(options: AuditOptions) -> ModelEvaluation:
    return ModelEvaluation(
        confidence=options.confidence,
        minimum_group_size=options.minimum_group_size,
        reference_groups=dict(options.references),
        conditional_on=options.conditions,
        seed=SEED,
        explanations=Explanations(),
    )


def _require_few_groups(options: AuditOptions, counts: AuditCounts) -> None:
    for attribute, names in options.crossed.items():
        groups = len(counts.joint.table(*names).groups)
        if groups > MOST_GROUPS:
            raise BadInputError(
                f"'{attribute}' has {groups:,} groups, more than the {MOST_GROUPS:,} that can be compared. Cross fewer "
                "attributes with --intersections, or put numbers into bands with --bands."
            )


def _require_references(options: AuditOptions, counts: AuditCounts) -> None:
    for attribute, group in options.references.items():
        groups = counts.joint.table(*options.crossed[attribute]).groups
        if group not in groups:
            hint = nearest_name(group, list(groups))
            end = "" if hint.endswith("?") else "."
            raise BadInputError(f"--reference: '{attribute}' has no group '{group}'{hint}{end} Mend the name.")


def _judged(
    options: AuditOptions, assessment: FairnessAssessment, fairness: dict[str, Any], performance: dict[str, Any]
) -> dict[str, Any] | None:
    """Judge the gates and, with labels, whether the decisions know anything of the person; None without gates."""
    gates = default_gates(assessment.joint.labelled) if options.gates is None else options.gates
    if not gates:
        return None
    favourable, counts = options.words.favourable_side, assessment.counts_to_dict()
    report = judge(gates, {"fairness": fairness, "performance": performance}, counts, favourable, ORIGIN)
    guards = Guards(constant_predictor=assessment.joint.labelled, group_performance=GroupPerformance(enabled=False))
    guarded = judge_guards(guards, counts, fairness, favourable, options.confidence)
    found = summary(report) | {"guards": by_name(guarded)}
    if guarded:
        verdict, reason = together(guarded)
        found |= {"verdict": worst([report.verdict, verdict]), "reason": f"gates: {report.reason}; guards: {reason}"}
    return found


def _columns(options: AuditOptions) -> dict[str, str]:
    named = {
        "prediction": options.prediction,
        "label": options.label,
        "score": options.score,
        "weight": options.weight,
    }
    conditions = [name for name in options.conditions if name not in options.sensitive]
    within = {f"condition {number}": name for number, name in enumerate(conditions, start=1)}
    return {role: name for role, name in named.items() if name is not None} | within


def _attributes(options: AuditOptions, counts: AuditCounts) -> dict[str, AuditedAttribute]:
    return {
        shown: AuditedAttribute(names, counts.joint.table(*names).groups, _bands(options, counts, names))
        for shown, names in options.crossed.items()
    }


def _bands(options: AuditOptions, counts: AuditCounts, names: tuple[str, ...]) -> dict[str, list[str]] | None:
    banded = {name: options.bands[name] for name in names if name in options.bands}
    return {name: list(band_names(bounds, counts.whole_bands[name])) for name, bounds in banded.items()} or None


def _outcome_name(options: AuditOptions, counts: AuditCounts, positive: bool) -> str:
    if options.prediction is None:
        sign = "at least" if positive else "below"
        return f"{options.score} {sign} {options.threshold:g}"
    words = counts.positive_words if positive else counts.negative_words
    if not words:
        return f"{options.prediction}: {'positive' if positive else 'not positive'}"
    return f"{options.prediction}: {', '.join(words)}"


def _notes(options: AuditOptions, counts: AuditCounts) -> list[str]:
    notes = [f"The file holds {counts.rows_read:,} rows."]
    if counts.left_out:
        notes.append(f"{counts.left_out:,} of them lack a prediction, a label or a score and were left out.")
    if options.weight is not None:
        notes.append(
            "Rates are weighted; intervals use the effective number of rows. Numbers of rows are not weighted."
        )
    if counts.median is not None:
        notes.append(
            "The scoring rate is the share of rows whose score is strictly above the median score of all rows, unknown "
            "groups included; the median is exact and not weighted."
        )
    if options.score is not None and options.score_scale == "any":
        notes.append("The scores are on a scale of their own, so ranking and calibration were not measured.")
    return notes
