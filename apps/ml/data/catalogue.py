"""All declared data sets: one YAML file each in `apps/ml/data/datasets/`, read into a checked :class:`Declaration`."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from apps.ml.data.declaration import DECLARATIONS, Declaration, EventDeclaration
from apps.ml.data.processed import CLASSIFICATION
from apps.ml.errors import DeclarationError
from apps.ml.validation_errors import describe_validation_errors, nearest_name

DATASETS_FOLDER = Path(__file__).parent / "datasets"
QUOTE_HINT = " Put quotation marks around texts that YAML takes for a number, a date or yes and no."


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML without repeated keys, of which the standard loader silently keeps the last."""


def _mapping_without_repeats(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
    if repeated:
        raise yaml.constructor.ConstructorError(
            None, None, f"the key '{repeated[0]}' appears more than once", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)


def declared_names(folder: Path = DATASETS_FOLDER) -> list[str]:
    """Return the names of all declared data sets, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_declaration(name: str, folder: Path = DATASETS_FOLDER) -> Declaration:
    """Read and check the declaration of one data set.

    Raises
    ------
    DeclarationError
        No declaration has this name, it is not YAML, or it holds an unknown key or an impossible value; the message
        holds the key's full path.
    """
    names = declared_names(folder)
    if name not in names:
        raise DeclarationError(
            f"no data set is called '{name}'{nearest_name(name, names)}. To add one, write {folder / name}.yaml as "
            "docs/ml/datasets.md explains."
        )
    path = folder / f"{name}.yaml"
    declaration = _checked(_parsed(path), path)
    if declaration.name != name:
        raise DeclarationError(f"{path}: 'name' is '{declaration.name}'; expected '{name}', as the file is called.")
    return declaration


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - derives from SafeLoader
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path} is not valid YAML: {' '.join(str(error).split())}. Mend that line.") from error
    if not isinstance(content, dict):
        raise DeclarationError(f"{path} holds no keys. Write it as docs/ml/datasets.md explains.")
    return content


def _checked(content: dict[str, Any], path: Path) -> Declaration:
    form = DECLARATIONS.get(content.get("task", CLASSIFICATION), EventDeclaration)
    try:
        return form.model_validate(content)
    except ValidationError as error:
        lines = "; ".join(describe_validation_errors(error, form))
        texts = any(finding["type"] == "string_type" for finding in error.errors(include_url=False))
        hint = QUOTE_HINT if texts else ""
        raise DeclarationError(
            f"{path}: {lines}. Mend the named keys (docs/ml/datasets.md explains each).{hint}"
        ) from None
