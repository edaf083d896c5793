"""Models: versions, evidence, documents, lineage, comparison, and promotions that a second person approves."""
