"""The whole product: real processes, from `dvc repro` to a decision, its outcome, a bias test and a roll back."""
