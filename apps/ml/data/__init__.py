"""From a declaration to rows that a model may learn from.

- A *data set declaration* is one YAML file in `datasets/`: everything the product knows about one data set.
- A *source* is where its rows come from; `sources/` turns each kind into the same text table.
- The *positive event* is what is predicted; *favourable* says whether the event or its absence is good for the person.
- A *sensitive attribute* divides people into *groups*; an *intersection* divides them by several attributes at once.
- A *promise* is what the declaration says about rows; a *finding* is a broken promise. *Quarantine* sets rows aside.
- A *split* divides rows into train, validation and test.
"""
