"""The catalogue: which data sets are declared, and errors that name file, key and what was expected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.ml.data.catalogue import DATASETS_FOLDER, declared_names, load_declaration
from apps.ml.errors import DeclarationError

CONTENT: dict[str, Any] = yaml.safe_load((DATASETS_FOLDER / "german_credit.yaml").read_text(encoding="utf-8"))


def declare(folder: Path, content: object, name: str = "german_credit") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return folder


def test_the_data_sets_of_the_product_are_declared() -> None:
    assert declared_names() == ["adult", "compas", "german_credit", "loan_applications", "salaries"]


@pytest.mark.parametrize("name", declared_names())
def test_every_declaration_is_valid_and_named_as_its_file(name: str) -> None:
    declaration = load_declaration(name)
    assert declaration.name == name
    assert all(column.description for column in declaration.columns.values())


def test_an_unknown_data_set_names_the_nearest_and_where_to_add_one() -> None:
    with pytest.raises(DeclarationError, match=r"called 'germn_credit'; did you mean 'german_credit'.*datasets\.md"):
        load_declaration("germn_credit")


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    declare(tmp_path, CONTENT)
    (tmp_path / "inner").mkdir()
    with pytest.raises(DeclarationError, match="no data set is called"):
        load_declaration("../german_credit", tmp_path / "inner")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(labell={}), r"unknown key 'labell'; did you mean 'label'"),
        (
            lambda c: c["columns"]["age"].update(mimimum=1),
            r"unknown key 'columns\.age\.mimimum'; did you mean 'minimum'",
        ),
        (lambda c: c["columns"]["age"].update(type="intger"), r"'columns\.age\.type'.*did you mean 'integer'"),
        (lambda c: c["source"].update(kind="fils"), r"'source\.kind': unknown kind; did you mean 'files'"),
        (lambda c: c["source"].pop("kind"), r"key 'source\.kind' is missing"),
        (
            lambda c: c["source"]["files"][0].update(sha="x"),
            r"unknown key 'source\.files\.0\.sha'; did you mean 'sha256'",
        ),
        (lambda c: c["source"]["files"][0].update(sha256="x"), r"'source\.files\.0\.sha256'.*pattern"),
        (lambda c: c["source"].update(fils=[]), r"unknown key 'source\.fils'; did you mean 'files'"),
        (lambda c: c.pop("licence"), r"key 'licence' is missing"),
        (lambda c: c["label"].update(positive=[1]), r"'label\.positive\.0'.*Put quotation marks"),
        (lambda c: c["splits"]["random"].update(test=1.5), r"'splits\.random\.test'.*less than 1"),
        (lambda c: c["splits"]["random"].pop("test"), r"a random split needs the share `test`"),
        (lambda c: c["sensitive"]["sex"].update(column="sex"), r"'sex' names the undeclared column 'sex'"),
        (lambda c: c.update(name="german"), r"'name' is 'german'; expected 'german_credit'"),
        (lambda c: c.update(leave_out={"ag": "why"}), "undeclared columns: ag"),
    ],
)
def test_a_bad_key_or_value_is_refused_with_its_full_path(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    content = yaml.safe_load(yaml.safe_dump(CONTENT))
    edit(content)
    with pytest.raises(DeclarationError, match=message) as caught:
        load_declaration("german_credit", declare(tmp_path, content))
    assert "german_credit.yaml" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_repeated_key_is_refused_and_not_silently_dropped(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="the key 'title' appears more than once"):
        load_declaration("german_credit", declare(tmp_path, yaml.safe_dump(CONTENT) + "title: another\n"))


@pytest.mark.parametrize(
    ("text", "message"), [("a: [1\n", "is not valid YAML"), ("", "holds no keys"), ("- a\n", "holds no keys")]
)
def test_a_file_that_is_no_declaration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        load_declaration("german_credit", declare(tmp_path, text))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "german_credit.yaml").write_bytes("title: Kredit für alle".encode("latin-1"))
    with pytest.raises(DeclarationError, match="is not UTF-8"):
        load_declaration("german_credit", tmp_path)
