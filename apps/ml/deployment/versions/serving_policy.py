"""What this server's decisions may depend on: nothing but the columns, unless its operator says otherwise.

The gates of params.yaml judge a version before it becomes champion; a server can be pointed at any version or folder,
so it asks again, of what the bundle itself says.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from apps.ml.errors import BadInputError, BundleError
from apps.ml.models.bundle import BundleInfo
from apps.ml.validation_errors import nearest_name

ALLOW_VARIABLE = "FAIRMIND_ALLOW"
SENSITIVE = "sensitive_at_prediction"
CHANCE = "chance"
ALLOWABLE = (SENSITIVE, CHANCE)


@dataclass(frozen=True)
class ServingPolicy:
    """What decisions may depend on besides the columns: the person's group, a draw."""

    allow_sensitive: bool = False
    allow_chance: bool = False

    @property
    def names(self) -> list[str]:
        """What is allowed, by the names that :func:`serving_policy` takes."""
        allowed = ((SENSITIVE, self.allow_sensitive), (CHANCE, self.allow_chance))
        return [name for name, is_allowed in allowed if is_allowed]

    def require_permitted(self, info: BundleInfo, address: str) -> None:
        """Refuse a model that this policy forbids.

        Raises
        ------
        BundleError
            The message names what its decisions depend on and how to allow it.
        """
        if info.needs_sensitive_at_prediction and not self.allow_sensitive:
            attribute = info.group.attribute if info.group else "a sensitive attribute"
            raise _refused(address, f"need the person's group ({attribute})", SENSITIVE)
        if info.randomised and not self.allow_chance:
            raise _refused(address, "depend on a draw", CHANCE)


def serving_policy(allowed: Sequence[str] | None = None) -> ServingPolicy:
    """Return the policy that the names in `allowed`, by default those in FAIRMIND_ALLOW, make.

    Raises
    ------
    BadInputError
        A name is not one of `sensitive_at_prediction` and `chance`.
    """
    written = os.environ.get(ALLOW_VARIABLE, "")
    names = [name.strip() for name in written.split(",") if name.strip()] if allowed is None else list(allowed)
    for name in names:
        if name not in ALLOWABLE:
            raise BadInputError(f"'{name}' cannot be allowed{nearest_name(name, list(ALLOWABLE))}. Mend --allow.")
    return ServingPolicy(SENSITIVE in names, CHANCE in names)


def _refused(address: str, reason: str, name: str) -> BundleError:
    return BundleError(
        f"{address}: decisions of this model {reason}, which this server does not allow. Serve another version, or "
        f"start it with `--allow {name}` (or {ALLOW_VARIABLE}={name}) where the law permits it."
    )
