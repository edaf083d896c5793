"""What pydantic found wrong, in sentences: the full path of the key, what was expected, the nearest valid name."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def describe_validation_errors(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One sentence per finding: full path, what was expected, nearest valid name for an unknown key."""
    return [_describe(finding, model) for finding in error.errors(include_url=False, include_context=True)]


def _describe(finding: Any, model: type[BaseModel]) -> str:
    location = [part for part in finding["loc"] if not _is_union_tag(part)]
    keys, _ = _followed(model, location)
    path = ".".join(str(key) for key in keys)
    if finding["type"] == "extra_forbidden":
        return f"unknown key '{path}'{nearest_name(str(keys[-1]), _valid_names(model, location[:-1]))}"
    if finding["type"] == "missing":
        return f"key '{path}' is missing"
    if finding["type"] == "union_tag_not_found":
        return f"key '{path}.kind' is missing"
    if finding["type"] == "union_tag_invalid":
        kinds = [kind.strip("' ") for kind in finding["ctx"]["expected_tags"].split(",")]
        return f"'{path}.kind': unknown kind{nearest_name(finding['ctx']['tag'], kinds)}"
    if finding["type"] == "literal_error" and isinstance(finding["input"], str):
        choices = [choice.strip("' ") for choice in finding["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"'{path}': expected {finding['ctx']['expected']}{nearest_name(finding['input'], choices)}"
    message = finding["msg"].removeprefix("Value error, ")
    return f"'{path}': expected: {message[0].lower()}{message[1:]}" if path else message


def _is_union_tag(part: Any) -> bool:
    return isinstance(part, str) and (part.startswith(("literal[", "constrained-", "function-")) or part == "float")


def _valid_names(model: type[BaseModel], location: list[Any]) -> list[str]:
    _, found = _followed(model, location)
    return list(found.model_fields) if _is_model(found) else []


def _followed(model: type[BaseModel], location: list[Any]) -> tuple[list[Any], Any]:
    """Return the keys of a location, without the kinds that pydantic inserts for unions, and what it leads to."""
    keys, current = [], model
    for part in location:
        chosen = _of_kind(current, part)
        if chosen is None:
            keys.append(part)
        current = chosen or _unwrap(_inside(current, part))
    return keys, current


def _of_kind(annotation: Any, part: Any) -> Any:
    """Return the model of a union whose `kind` is `part`, or None."""
    for argument in () if _is_container(annotation) else get_args(annotation):
        kind = argument.model_fields.get("kind") if _is_model(argument) else None
        if kind is not None and part in get_args(kind.annotation):
            return argument
    return None


def _inside(annotation: Any, part: Any) -> Any:
    if _is_model(annotation):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _unwrap(annotation: Any) -> Any:
    """Look through `X | None` and `Annotated[X, …]` at the only model inside."""
    models = [] if _is_container(annotation) else [found for found in get_args(annotation) if _is_model(found)]
    return models[0] if len(models) == 1 else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_container(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (tuple, dict, list)


def nearest_name(name: str, valid: list[str]) -> str:
    """Return ', did you mean X?' or the list of valid names, ready to end a sentence."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid: {', '.join(valid)}" if valid else ""
