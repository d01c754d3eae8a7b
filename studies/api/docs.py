"""The description of the API for people and for machines, served from here; it holds no data."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studies.api.openapi import specification as described
from studies.models import Scope


@require_GET
def specification(request: HttpRequest) -> JsonResponse:
    """Return the OpenAPI 3.1 description."""
    return JsonResponse(described())


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the operations by subject, each with an example for the command line."""
    said = described()
    base = request.build_absolute_uri("/").rstrip("/")
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            shown = _shown(base, path, method.upper(), operation, said["components"]["schemas"])
            groups.setdefault(operation["tags"][0], []).append(shown)
    context = {"groups": groups.items(), "scopes": Scope.choices}
    return render(request, "studies/api_docs.html", context)


def _shown(
    base: str, path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    answers = {
        status: answer["description"]
        for status, answer in operation["responses"].items()
        if int(status) < 400
    }
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "scope": operation["x-scope"],
        "parameters": operation.get("parameters", []),
        "fields": _fields(operation, schemas),
        "answers": answers.items(),
        "errors": [status for status in operation["responses"] if int(status) >= 400],
        "curl": curl(base, path, method, operation),
    }


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a JSON body with their types; of a body by kind, each kind's own."""
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("schema", {})
    found: dict[str, dict[str, Any]] = {}
    for schema in (_resolved(one, schemas) for one in body.get("oneOf", [body])):
        for field in _rows(schema, schemas):
            found.setdefault(field["name"], field)
    return list(found.values())


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema refers to, also where a default stands beside the reference."""
    for one in (schema, *schema.get("allOf", ())):
        if "$ref" in one:
            found: dict[str, Any] = schemas[one["$ref"].rpartition("/")[2]]
            return found
    return schema


def _rows(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", []))
    said = schema.get("properties", {}).get("kind", {})
    kinds = [said["const"]] if "const" in said else said.get("enum", [])
    kind = kinds[0] if len(kinds) == 1 else ""
    rows = []
    for name, field in schema.get("properties", {}).items():
        inner = _resolved(field, schemas)
        if kind and name in ("config", "secrets"):
            nested = _rows(inner, schemas)
            rows += [{**row, "name": f"{kind}: {name}.{row['name']}"} for row in nested]
            continue
        words = field.get("description", "")
        row = {"name": name, "kind": _kind(field), "required": name in required, "words": words}
        rows.append(row if name != "kind" else {**row, "name": f"kind: {kind}"})
    return rows


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        kinds = (_kind(entry) for entry in field["anyOf"] if entry.get("type") != "null")
        return " | ".join(kinds)
    return str(field.get("type", "object"))


def curl(base: str, path: str, method: str, operation: dict[str, Any]) -> str:
    """Return an example for the command line, as docs/api.md and its test use it."""
    content = operation.get("requestBody", {}).get("content", {})
    verb = "" if method == "GET" or (method == "POST" and content) else f"-X {method} "
    lines = [f'curl {verb}-H "Authorization: Bearer $TOKEN" {base}{path}', *_body(content)]
    if "application/dicom" in operation["responses"].get("200", {}).get("content", {}):
        lines.append("-o deidentified.dcm")
    return " \\\n  ".join(lines)


def _body(content: dict[str, Any]) -> list[str]:
    if "application/json" in content:
        body = json.dumps(content["application/json"].get("example", {}), ensure_ascii=False)
        return ['-H "Content-Type: application/json"', f"-d '{body}'"]
    kind = next(iter(content), "")
    if kind == "multipart/related":
        kind = r"multipart/related; type=\"application/dicom\"; boundary=edge"
    name = "@report.txt" if kind == "text/plain" else "@image.dcm"
    return [f'-H "Content-Type: {kind}"', f"--data-binary {name}"] if kind else []
