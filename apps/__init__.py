"""The applications of FairMind: `apps.ml`, the machine-learning side."""
