"""Documents for people, rendered from the evidence record alone.

*Report*: one self-contained page (style and pictures inside, no script, nothing loaded from elsewhere). *Model card*:
one Markdown file that travels with the model. Neither measures anything: what is not in the record is not in a
document. An undefined measurement is shown as undefined, with its reason; groups that are not judged are marked.
"""
