"""Bills of materials: CycloneDX's for the model, and the fairness part of the AIBOM with its states."""
