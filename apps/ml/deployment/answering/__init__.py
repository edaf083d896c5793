"""The one path from rows to an answer: choose a version, check the rows, score them, write them down."""
