"""What was answered and what came of it: journal, tables, migrations, labels, replay, retention, erasure.

Words of this folder:

- *call*: one request that was answered; it has a name of 16 bytes, and row `i` of it is the prediction `call + i`;
- *entry*: what is written down about one call (or one served version, or one outcome);
- *journal*: files in which a serving process writes an entry before the answer is sent; they outlive `kill -9`;
- *writer*: the process that moves entries from journals into the database, in batches;
- *outcome*: the label of a prediction, reported late, again or corrected.
"""
