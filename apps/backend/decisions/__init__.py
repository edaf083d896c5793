"""Decisions about applications: asked, explained, appealed, overruled, and what came of them.

- *application*: what is known of the person, one value for each column of the model;
- *outcome of a decision*: favourable or unfavourable for the person; *outcome words*: what the version calls it;
- *appeal*: the person's objection; it gets one answer, from somebody else than who filed it;
- *overrule*: another decision by a person; the last one stands, and the model's own stays as it was made;
- *standing*: what is valid now, the model's decision or a person's;
- *report*: what came of a decision in truth, kept here first and then sent to the model server.

The row of a decision never changes: a trigger of the database refuses it. What is added stands in tables beside it.
"""
