"""The section `data_processing`: which rows, and how they are divided."""

from apps.ml.parameters.values import Name, Section, Seed


class DataProcessing(Section):
    """Which rows, and how they are divided."""

    dataset: Name
    split: Name = "default"
    seed: Seed
