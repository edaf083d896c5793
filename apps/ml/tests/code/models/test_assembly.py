from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.processed import AttributeSchema
from apps.ml.errors import ParameterError
from apps.ml.models.assembly import mitigated_group
from apps.ml.parameters import Mitigation
from apps.ml.tests import small_loans

REWEIGHING = Mitigation(method="reweighing", attribute="both")


def test_people_of_whom_a_part_of_the_group_is_unknown_belong_to_no_comparison() -> None:
    names = ("female × young", "female × unknown", "unknown × young", "unknown × unknown", "male × young")
    schema = replace(small_loans.schema(), attributes=(AttributeSchema("both", ("sex", "age"), names),))
    group = mitigated_group(REWEIGHING, schema)
    assert group is not None
    assert group.groups == ("female × young", "male × young")
    assert group.codes(pd.Series(names)).tolist() == [0, -1, -1, -1, 1]
    assert group.codes(pd.Series([None, np.nan, "nobody"])).tolist() == [-1, -1, -1]


def test_an_attribute_that_the_data_set_lacks_is_named() -> None:
    with pytest.raises(ParameterError, match=r"has no sensitive attribute 'both'.*Name one of sex"):
        mitigated_group(REWEIGHING, small_loans.schema())
