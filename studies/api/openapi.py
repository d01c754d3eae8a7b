"""The API in OpenAPI 3.1: REST from its declarations, the plain views by hand."""

from copy import deepcopy
from functools import lru_cache
from typing import Any

from studies.api.examples import EXAMPLES
from studies.api.operations import IDEMPOTENCY_KEY
from studies.api.problems import CONTENT_TYPE
from studies.api.rest import api
from studies.api.schemas import PreparedOut, PrepareIn, ProblemOut
from studies.models import Scope

INTRODUCTION = """\
Every request carries a token of one organization: `Authorization: Bearer ap_…`. An administrator \
makes tokens; each has scopes and an end. No answer holds a patient's identifier. Errors are \
`application/problem+json` with a stable `code`; an object of another organization is not found."""

BINARY = {"schema": {"type": "string", "format": "binary", "contentMediaType": "application/dicom"}}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
_WORDS = {
    400: "The request can't be read",
    401: "No valid token",
    403: "The token lacks the scope",
    404: "Not in this organization",
    406: "No such form of answer",
    409: "Not in its present state",
    411: "No Content-Length",
    413: "Too large",
    414: "The address is too long",
    415: "Another content type is wanted",
    422: "Not as documented, held or refused",
    429: "Too many requests",
    503: "Try again later",
}


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {"description": _WORDS[status], "content": {CONTENT_TYPE: dict(_PROBLEM)}}
        for status in (401, 403, 429, 503, *statuses)
    }


def _query(name: str, words: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 100}
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N`: wait up to N seconds for the result",
    "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
}
_HEADER = {"schema": {"type": "string"}}

ANONYMIZE = {
    "operationId": "anonymizeStream",
    "summary": "De-identify one instance; the answer is the instance, verified whole.",
    "tags": ["Gateway"],
    "x-scope": Scope.ANONYMIZE,
    "parameters": [
        _query("profile", "A profile's name or a version's id; else the organization's default"),
        _query("domain", "A linkage domain's name or id; else `default`"),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/dicom": BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "profile": {"type": "string", "maxLength": 100},
                        "domain": {"type": "string", "maxLength": 100},
                    },
                }
            },
        },
    },
    "responses": {
        "200": {
            "description": "The de-identified instance, as `<cloud study id>.dcm`",
            "headers": {"X-Cloud-Study-Id": _HEADER, "X-Processed-At": _HEADER},
            "content": {"application/dicom": BINARY},
        },
        **_problems(400, 404, 409, 411, 413, 415, 422),
    },
}


def _prepared(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/PreparedOut"}
    return {
        "description": description,
        "headers": {"Location": _HEADER},
        "content": {"application/json": {"schema": schema}},
    }


PREPARE = {
    "operationId": "batchPrepare",
    "summary": "Prepare the studies of a folder into a folder destination, with a manifest.",
    "tags": ["Gateway"],
    "x-scope": Scope.BATCHES_WRITE,
    "parameters": [PREFER, IDEMPOTENCY_KEY],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PrepareIn"}}},
    },
    "responses": {
        "200": _prepared("It goes no further by itself"),
        "202": _prepared("At work; ask at Location"),
        **_problems(400, 404, 409, 411, 413, 415, 422),
    },
}
PREPARED = {
    "operationId": "batchPrepared",
    "summary": "Say how far a prepared batch is.",
    "tags": ["Gateway"],
    "x-scope": Scope.BATCHES_READ,
    "parameters": [
        {
            "name": "batch_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        },
        PREFER,
    ],
    "responses": {"200": _prepared("How far it is"), **_problems(404)},
}


def _stow(
    operation_id: str,
    *names: str,
    scope: str = Scope.STOW,
    summary: str = "Send objects by STOW-RS into the batch of a listener rule (PS3.18 10.5).",
) -> dict[str, Any]:
    known = {
        "study": ("The study that all objects must be of", "^[0-9.]{1,64}$"),
        "rule": ("The listener rule that takes them", "^[a-zA-Z0-9_-]{1,80}$"),
    }
    answer = {"application/dicom+json": {"schema": {"type": "object"}}}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["DICOMweb"],
        "x-scope": scope,
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": known[name][0],
                "schema": {"type": "string", "pattern": known[name][1]},
            }
            for name in names
        ],
        "requestBody": {
            "required": True,
            "content": {"multipart/related": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "200": {"description": "All are stored", "content": answer},
            "202": {"description": "Some are stored", "content": answer},
            **_problems(400, 404, 406, 411, 413, 415, 422),
            "409": {
                "description": "None is stored, or no listener rule takes them",
                "content": {**answer, CONTENT_TYPE: dict(_PROBLEM)},
            },
        },
    }


PLAIN: dict[str, dict[str, Any]] = {
    "/api/anonymize-stream": {"post": ANONYMIZE},
    "/api/batch-prepare": {"post": PREPARE},
    "/api/batch-prepare/{batch_id}": {"get": PREPARED},
    "/api/reports/dicom-web/studies": {
        "post": _stow(
            "storeReports",
            scope=Scope.REPORTS_WRITE,
            summary="Send what was made of delivered studies, under cloud ids, by STOW-RS.",
        )
    },
    "/api/dicom-web/studies": {"post": _stow("storeInstances")},
    "/api/dicom-web/studies/{study}": {"post": _stow("storeStudy", "study")},
    "/api/dicom-web/{rule}/studies": {"post": _stow("storeByRule", "rule")},
    "/api/dicom-web/{rule}/studies/{study}": {"post": _stow("storeStudyByRule", "rule", "study")},
}


@lru_cache(maxsize=1)
def specification() -> dict[str, Any]:
    """Return the whole description."""
    made: dict[str, Any] = deepcopy(dict(api.get_openapi_schema(path_prefix="/api/")))
    made["info"]["description"] = INTRODUCTION
    made["paths"] = {**deepcopy(PLAIN), **made["paths"]}
    schemas = made["components"]["schemas"]
    for model in (PrepareIn, PreparedOut, ProblemOut):
        schemas[model.__name__] = model.model_json_schema(by_alias=True)
    made["components"]["securitySchemes"] = {"Token": {"type": "http", "scheme": "bearer"}}
    for methods in made["paths"].values():
        for operation in methods.values():
            _complete(operation)
    made["tags"] = [{"name": name} for name in _tags(made["paths"])]
    return made


def _complete(operation: dict[str, Any]) -> None:
    """Give an operation its security, its errors' content type, and its example."""
    operation["security"] = [{"Token": []}]
    if not operation.get("description", "").strip():
        scope = operation["x-scope"]
        said = f"Needs the scope `{scope}`." if scope else "Any token will do."
        operation["description"] = said
    responses = {str(status): answer for status, answer in operation["responses"].items()}
    for status, answer in responses.items():
        if int(status) >= 400 and "content" not in answer:
            answer["content"] = {CONTENT_TYPE: dict(_PROBLEM)}
            answer["description"] = _WORDS.get(int(status), answer["description"])
    # The web server's own, before the portal sees the request.
    responses["414"] = {"description": _WORDS[414]}
    operation["responses"] = responses
    body = EXAMPLES.get(operation["operationId"])
    content = operation.get("requestBody", {}).get("content", {})
    if body is not None and "application/json" in content:
        content["application/json"]["example"] = body


def _tags(paths: dict[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for methods in paths.values():
        for operation in methods.values():
            found.update(dict.fromkeys(operation["tags"]))
    return list(found)
