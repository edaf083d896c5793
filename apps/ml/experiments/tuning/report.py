"""The files of a study: study.json, trials.csv, front.csv, pictures and tuning.md; no time in them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.experiments.tuning.outcome import Outcome
from apps.ml.experiments.tuning.pictures import pictures
from apps.ml.files import rounded, write_json, write_text, write_with

STUDY_FILE, TRIALS_FILE, FRONT_FILE, PAGE_FILE = "study.json", "trials.csv", "front.csv", "tuning.md"
BEST_SHOWN = 10


def write_report(folder: Path, outcome: Outcome) -> None:
    """Write every file of a study's report into `folder`, in place of what an earlier one left there."""
    plots = pictures(outcome)
    content = outcome.to_dict()
    page = tuning_page(outcome, content, [plot.file_name for plot in plots], [plot.description for plot in plots])
    for name in (STUDY_FILE, TRIALS_FILE, FRONT_FILE, PAGE_FILE, *(f"{name}.png" for name in _ALL_PICTURES)):
        (folder / name).unlink(missing_ok=True)
    for plot in plots:
        write_with(folder / plot.file_name, partial(_write_bytes, plot.png))
    write_text(folder / TRIALS_FILE, trials_csv(outcome))
    if outcome.front:
        write_text(folder / FRONT_FILE, pd.DataFrame(rounded(content["front"])).to_csv(index=False))
    write_text(folder / PAGE_FILE, page)
    write_json(folder / STUDY_FILE, content)


_ALL_PICTURES = ("history", "learning_curves", "importance", "front")


def trials_csv(outcome: Outcome) -> str:
    """Return one line per trial; options stand in columns of their own."""
    names = [
        outcome.problem.space.parameter(estimator, each.option)
        for estimator, options in outcome.problem.space.options.items()
        for each in options
    ]
    lines = []
    for record in outcome.records:
        content = {key: value for key, value in record.to_dict().items() if key not in ("options", "looks", "reason")}
        tried = {
            outcome.problem.space.parameter(record.estimator, option): value for option, value in record.options.items()
        }
        lines.append({**content, "reason": record.reason, **{name: tried.get(name) for name in names}})
    # Objects, so that a whole number in a column with gaps stays one.
    return pd.DataFrame(rounded(lines), dtype=object).to_csv(index=False)


def tuning_page(outcome: Outcome, content: dict[str, Any], files: Sequence[str], descriptions: Sequence[str]) -> str:
    """Return the page in Markdown."""
    trials = content["trials"]
    counted = f"{trials['complete']} trained to the end, {trials['pruned']} given up, {trials['failed']} failed"
    parts = [
        f"# Tuning of {outcome.problem.schema.title}\n",
        f"Study `{outcome.name}`: {len(outcome.records)} trials ({counted}); sampler {content['sampler']}, pruner "
        f"{content['pruner']}, seed {content['seed']}.",
        f"Loss: {content['loss']}, the mean over {_folds(content)}. "
        f"Resource spent: {outcome.spent:.2f} whole trials.\n",
        "## Winner\n",
        _winner(outcome),
        "\n## Best trials\n",
        _table(outcome),
    ]
    if outcome.front:
        parts += ["\n## Loss against unfairness\n", _front_table(outcome)]
    parts += ["\n## Pictures\n"]
    parts += [f"![{text}]({file})\n" for file, text in zip(files, descriptions, strict=True)]
    parts += ["## To know\n", *(f"- {note}" for note in content["notes"])]
    parts += [f"- {count} trials failed: {reason}" for reason, count in content["failures"].items()]
    return "\n".join(parts)


def _folds(content: dict[str, Any]) -> str:
    folds = content["validation"]["folds"]
    way = content["validation"]["method"]
    return f"{len(folds)} {way} folds" if len(folds) > 1 else f"one measured part ({way})"


def _winner(outcome: Outcome) -> str:
    record = outcome.picked.record
    if record is None:
        return f"No trial is picked: {outcome.picked.reason}"
    lines = [
        f"Trial {record.number}, picked by {outcome.picked.reason}: loss {_with_error(record.loss, record.loss_error)}"
    ]
    if record.unfairness is not None:
        lines[0] += f", unfairness {_with_error(record.unfairness, record.unfairness_error)}"
    lines += ["", "```yaml", *(f"{path}: {_written(value)}" for path, value in outcome.values.items()), "```"]
    return "\n".join(lines)


def _written(value: Any) -> str:
    from apps.ml.experiments.tuning.parameters_file import yaml_scalar

    return yaml_scalar(value)


def _table(outcome: Outcome) -> str:
    complete = sorted(
        (record for record in outcome.records if record.state == "complete"),
        key=lambda record: (record.loss, record.number),
    )
    lines = ["| trial | loss | kept | options |", "|---:|---:|---:|---|"]
    for record in complete[:BEST_SHOWN]:
        options = ", ".join(f"{name} {_written(value)}" for name, value in record.options.items())
        named = f"{record.estimator}: {options}" if outcome.problem.space.several else options
        kept = "" if record.kept is None else f"{record.kept} {record.resource}"
        lines.append(f"| {record.number} | {_with_error(record.loss, record.loss_error)} | {kept} | {named} |")
    return "\n".join(lines)


def _front_table(outcome: Outcome) -> str:
    lines = ["| trial | loss | unfairness | standing |", "|---:|---:|---:|---|"]
    for one in outcome.front:
        if one.standing == "beaten":
            continue
        loss = _with_error(one.loss, one.record.loss_error)
        gap = _with_error(one.unfairness, one.record.unfairness_error)
        lines.append(f"| {one.record.number} | {loss} | {gap} | {one.standing} |")
    beaten = sum(one.standing == "beaten" for one in outcome.front)
    return "\n".join(lines) + f"\n\n{beaten} more trials are beaten by more than a standard error."


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
