"""The applications of FairMind: `apps.ml`, the machine-learning side, and `apps.backend`, the product's API."""
