"""Documents for people and machines, rendered from the evidence record alone.

*Report*: one self-contained page (style and pictures inside, no script, nothing loaded from elsewhere). *Model card*:
one Markdown file that travels with the model. *Documents*: what laws and inventories ask for
(:mod:`~apps.ml.evaluation.documents.rendering`). None of them measures anything: what is not in the record, or does not
follow from its counts, is not in a document. An undefined measurement is shown as undefined, with its reason; groups
that are not judged are marked.
"""
