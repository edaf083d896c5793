"""The transformer of a bundle compiled into plain Python: one row in a few microseconds, many column by column."""

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.deployment.scorers.column_blocks import Columns, column_blocks
from apps.ml.deployment.scorers.column_encoders import Encode, boolean_features, numeric_features, scaled_value
from apps.ml.deployment.scorers.column_encoders import CategoryFeatures, CategoryRows, Features
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.numeric_columns import BooleanEncoder, NumericEncoder
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.models.bundle import ModelBundle

Matrix = npt.NDArray[np.float64]
