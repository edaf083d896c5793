"""The routes of bias tests: `/api/v1/bias-v2`."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response

from apps.backend import moments
from apps.backend.access import Analyst, Viewer
from apps.backend.bias_tests import datasets, detecting, history
from apps.backend.bias_tests.answers import (
    BiasTest,
    BiasTestEvidence,
    BiasTestSummary,
    Dataset,
    DatasetSummary,
    Statistics,
    Verdict,
)
from apps.backend.bias_tests.bodies import Detection, ModelId
from apps.backend.bias_tests.spreadsheet import MEDIA_TYPE, groups_as_csv
from apps.backend.bias_tests.upload_form import FILE_FIELD, LONGEST_NAME, NAME_FIELD
from apps.backend.parts import Parts, parts_of
from apps.backend.problems import problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import USUAL_ROWS, Cursor, Limit, Page

PREFIX = "/api/v1/bias-v2"
LEFT_FILES_EVERY = 3600.0

Id = Annotated[str, Path(min_length=1, max_length=36, description="The id that its making answered.")]
Since = Annotated[moments.Moment | None, Query(description="Tests from this moment on, as 2026-01-31T12:00:00Z.")]
OfModel = Annotated[ModelId | None, Query(description="Tests of this model.")]
OfDataset = Annotated[str | None, Query(min_length=1, max_length=36, pattern="^[0-9a-f-]+$")]

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILE_FIELD],
                    "additionalProperties": False,
                    "properties": {
                        FILE_FIELD: {"type": "string", "format": "binary", "description": "CSV in UTF-8, or Parquet."},
                        NAME_FIELD: {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": LONGEST_NAME,
                            "description": "How people call it. Default: the name of the file.",
                        },
                    },
                }
            }
        },
    }
}

router = APIRouter(prefix=PREFIX, tags=["bias tests"])


def install(app: FastAPI, parts: Parts) -> None:
    """Add the routes to the application, and the job that removes files which killed processes left."""

    async def remove_left_files() -> None:
        await datasets.remove_left_files(parts)

    parts.background.every(LEFT_FILES_EVERY, "left files of data sets", remove_left_files)
    app.include_router(router)


@router.post("/upload-dataset", operation_id="upload_dataset", responses=problems(400, 413, 415), openapi_extra=UPLOAD)
async def upload_dataset(request: Request, caller: Analyst) -> Dataset:
    """Take in a table of decisions, one row per person, and show its columns and first rows."""
    return await datasets.upload(parts_of(request), caller, request)


@router.get("/datasets", operation_id="list_datasets", responses=problems())
async def list_datasets(
    request: Request, caller: Viewer, limit: Limit = USUAL_ROWS, cursor: Cursor = None
) -> Page[DatasetSummary]:
    """List the organisation's data sets, the newest first."""
    return await datasets.page(parts_of(request), caller, limit, cursor)


@router.get("/datasets/{dataset_id}", operation_id="read_dataset", responses=problems(404))
async def read_dataset(request: Request, caller: Viewer, dataset_id: Id) -> Dataset:
    """Show a data set with its columns and first rows."""
    return await datasets.read(parts_of(request), caller, dataset_id)


@router.delete("/datasets/{dataset_id}", operation_id="delete_dataset", status_code=204, responses=problems(404))
async def delete_dataset(request: Request, caller: Analyst, dataset_id: Id) -> None:
    """Remove a data set and its file. Tests of it keep their results."""
    await datasets.remove(parts_of(request), caller, dataset_id)


@router.post("/detect", operation_id="detect_bias", responses=problems(404, 409, 413, 415))
async def detect_bias(
    request: Request, caller: Analyst, body: Detection, idempotency_key: IdempotencyKey = None
) -> BiasTest:
    """Test the decisions of a data set by one sensitive attribute."""
    parts = parts_of(request)

    async def work() -> BiasTest:
        return await detecting.detect(parts, caller, body)

    return await once(parts, caller, idempotency_key, f"POST {PREFIX}/detect", body, work, BiasTest)


@router.get("/test/{test_id}", operation_id="read_bias_test", responses=problems(404))
async def read_bias_test(request: Request, caller: Viewer, test_id: Id) -> BiasTest:
    """Show a test as it was answered."""
    return await detecting.read(parts_of(request), caller, test_id)


@router.get("/test/{test_id}/evidence", operation_id="read_bias_test_evidence", responses=problems(404))
async def read_bias_test_evidence(request: Request, caller: Viewer, test_id: Id) -> BiasTestEvidence:
    """Show the evidence record of a test: counts, measurements, verdicts, and the digest over all of it."""
    return await detecting.read_evidence(parts_of(request), caller, test_id)


@router.get(
    "/test/{test_id}/groups.csv",
    operation_id="download_bias_test_groups",
    responses={**problems(404), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def download_bias_test_groups(request: Request, caller: Viewer, test_id: Id) -> Response:
    """Hand out the groups' rates by metric as CSV, in which no cell is a formula."""
    test = await detecting.read(parts_of(request), caller, test_id)
    headers = {"Content-Disposition": f'attachment; filename="bias_test_{test.test_id}.csv"'}
    return Response(groups_as_csv(test), media_type=MEDIA_TYPE, headers=headers)


@router.get("/history", operation_id="list_bias_tests", responses=problems())
async def list_bias_tests(
    request: Request,
    caller: Viewer,
    model_id: OfModel = None,
    dataset_id: OfDataset = None,
    verdict: Verdict | None = None,
    since: Since = None,
    limit: Limit = USUAL_ROWS,
    cursor: Cursor = None,
) -> Page[BiasTestSummary]:
    """List the organisation's tests, the newest first."""
    chosen = history.Filter(caller, model_id, dataset_id, verdict, _moment(since))
    return await history.page(parts_of(request), chosen, limit, cursor)


@router.get("/statistics", operation_id="read_bias_statistics", responses=problems())
async def read_bias_statistics(
    request: Request, caller: Viewer, model_id: OfModel = None, since: Since = None
) -> Statistics:
    """Count the organisation's tests by verdict, risk, model and metric."""
    chosen = history.Filter(caller, model_id, since=_moment(since))
    return await history.statistics(parts_of(request), caller, chosen)


def _moment(given: moments.Moment | None) -> int | None:
    return None if given is None else moments.from_datetime(given)
