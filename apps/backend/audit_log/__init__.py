"""The audit log: who did what, appended and never changed, each entry bound to the one before by a digest."""
