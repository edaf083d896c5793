"""Messages about options, in the words of somebody who sends query parameters.

The audit speaks of its options as the command line writes them. A caller of the service never saw those: here
`--minimum-group-size` becomes `minimum_group_size` in backticks.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from apps.ml.errors import Finding

PHRASES = {
    "the path that --gate or the file of --gates names": "the path that `gate` names",
    " Write it in quotation marks.": "",
    ", in quotation marks.": ".",
}
"""What only somebody at a command line can do."""

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def as_parameters(message: str) -> str:
    """Return a message in which options are called as parameters.

    Examples
    --------
    >>> as_parameters("--score-scale 'x' is unknown. Write probability or any.")
    "`score_scale` 'x' is unknown. Write probability or any."
    """
    for said, instead in PHRASES.items():
        message = message.replace(said, instead)
    return _OPTION.sub(lambda found: f"`{found[1].replace('-', '_')}`", message)


def findings_as_parameters(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings whose messages call options as parameters."""
    return [
        replace(
            finding,
            message=as_parameters(finding.message),
            expected=None if finding.expected is None else as_parameters(finding.expected),
        )
        for finding in findings
    ]
