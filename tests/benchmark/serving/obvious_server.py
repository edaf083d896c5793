"""The server that one would write first: FastAPI, a pydantic model of the row, a data frame, `predict_proba`.

The file of the pipeline is named by PIPELINE_FILE.
"""

import os
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

THRESHOLD = 0.5


class Row(BaseModel):
    """One application."""

    age: int
    education: str | None
    employment: str
    employment_years: float | None
    annual_income: int | None
    owns_home: int
    savings: int | None
    existing_debt: int
    late_payments: int
    existing_customer: int
    purpose: str
    loan_amount: int
    term_months: int
    instalment: float


class Body(BaseModel):
    """The rows of a request."""

    instances: list[Row]


app = FastAPI()
pipeline: Any = joblib.load(os.environ["PIPELINE_FILE"])
dtypes = {
    name: "str" if field.annotation in (str, str | None) else "float64" for name, field in Row.model_fields.items()
}


@app.post("/predict")
async def predict(body: Body) -> dict[str, Any]:
    """Return score and decision of every row."""
    frame = pd.DataFrame([row.model_dump() for row in body.instances]).astype(dtypes)
    scores = pipeline.predict_proba(frame)[:, 1].tolist()
    return {"predictions": [{"score": score, "decision": int(score >= THRESHOLD)} for score in scores]}
