"""The audit of anybody's decisions: a table of rows goes in, an evidence record comes out, and no model is needed.

*Audited file*: CSV or Parquet, read in chunks, however large. *Outcome column*: the prediction or the label; its words
are mapped to the two outcomes by *outcome words*. *Finding*: something in the rows that an audit cannot decide for
the reader, such as a label that is neither outcome; all findings are reported at once. docs/ml/audit.md says how to
use it and what every choice means.
"""
