"""Principal reasons of unfavourable decisions: found, put into words, and checked."""
