"""FairMind ML: from raw rows to a served model whose every version ships with its evidence.

Words used throughout (docs/vocabulary.md binds them to code):

- *data set declaration*: one YAML file that says where rows come from and what is promised about them;
- *stage*: one DVC step; the same word names its module, its section of params.yaml and its report;
- *bundle*: the versioned folder that holds a trained model and all it needs to answer;
- *evidence*: what was measured about one model on rows it never saw, with its uncertainty;
- *gate*: a rule over evidence with three verdicts: PASS, FAIL, INCONCLUSIVE.

Importing this package switches the telemetry of third-party libraries off and does nothing else.
"""

from apps.ml.telemetry import switch_telemetry_off

switch_telemetry_off()
