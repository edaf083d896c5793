"""`python -m apps.backend.demo`: run the product with a loaded example until Ctrl-C, and print what to try."""

import argparse
import json
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from apps.backend.demo.example import Example, load_example
from apps.backend.demo.stack import NotStartedError, Ports, Stack, running_stack

EXIT_DONE = 0
EXIT_NOT_STARTED = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 after Ctrl-C or SIGTERM, 4 where a process did not start."""
    options = _options(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ports = Ports(options.port, options.model_port, options.evidence_port)
    with tempfile.TemporaryDirectory(prefix="fairmind-demo-") as folder:
        try:
            with running_stack(Path(folder), ports) as stack:
                _tell(stack, load_example(stack), options.json)
                ended.wait()
        except NotStartedError as error:
            print(error, file=sys.stderr)
            return EXIT_NOT_STARTED
    return EXIT_DONE


def lines_to_try(stack: Stack, example: Example) -> list[str]:
    """Return shell lines that work while the demo runs, each with what it shows."""
    api, model = f"{stack.backend}/api/v1", example.model
    analyst, viewer = (f"-H 'Authorization: Bearer {example.keys[role]}'" for role in ("analyst", "viewer"))
    body = json.dumps({"model": model, "application": example.application})
    first = example.decisions[0]
    return [
        f"curl -s {api}/decisions {analyst} -H 'Content-Type: application/json' -d '{body}'  # a decision with reasons",
        f"curl -s {api}/decisions/{first}/explanation {viewer}  # the same in words",
        f"curl -s {api}/models/{model}/versions {viewer}  # versions with the verdict of their gates",
        f"curl -s '{api}/models/{model}/versions/1/evidence?section=fairness' {viewer}  # what was measured",
        f"curl -s {api}/models/{model}/versions/1/lineage {viewer}  # from the version back to its rows",
        f"curl -s {api}/bias-v2/test/{example.test} {viewer}  # the bias test of the example ({example.risk} risk)",
        f"curl -s {stack.backend}/readyz  # how the backend is",
    ]


def _tell(stack: Stack, example: Example, as_json: bool) -> None:
    lines = lines_to_try(stack, example)
    if as_json:
        print(json.dumps({"event": "ready", "backend": stack.backend, "try": lines}), flush=True)
        return
    print(f"The backend answers at {stack.backend}; its interface is described at {stack.backend}/openapi.json.")
    print(f"Sign in as {example.admin} of {example.organisation} with the password {example.password}\nTry:\n")
    print("\n\n".join(lines))
    print("\nCtrl-C ends the demo and removes what it made.", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apps.backend.demo", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the backend; 0 for any that is free")
    parser.add_argument("--model-port", type=int, default=8080, help="of the model server")
    parser.add_argument("--evidence-port", type=int, default=8081, help="of the evidence service")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
