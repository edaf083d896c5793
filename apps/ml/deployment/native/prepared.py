"""What the native protocol prepares once per served version: decoder, answer's bytes, row schema."""

from functools import cached_property
from weakref import WeakKeyDictionary

from pydantic import BaseModel

from apps.ml.deployment.native.plain_answer import AnswerWriter
from apps.ml.deployment.native.request_schema import row_model
from apps.ml.deployment.native.row_decoder import RowDecoder
from apps.ml.deployment.versions.served_model import ServedModel


class Prepared:
    """Made of one version; holds no reference to it, so that it can be forgotten."""

    def __init__(self, model: ServedModel) -> None:
        self._columns = model.bundle.info.columns
        self.decoder = RowDecoder(self._columns)
        self.writer = AnswerWriter(model)

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """The pydantic model of one row of this version."""
        return row_model(self._columns)


class PreparedVersions:
    """Prepared once per version, forgotten with it."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[ServedModel, Prepared] = WeakKeyDictionary()

    def of(self, model: ServedModel) -> Prepared:
        """Return what is prepared for a version."""
        found = self._known.get(model)
        if found is None:
            found = Prepared(model)
            self._known[model] = found
        return found
