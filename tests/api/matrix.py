"""Every address of the API: the scope it needs, how it is asked for, what it answers its own."""

from dataclasses import dataclass, field
from typing import Any

from studies.models import Scope

READ, WRITE = Scope.BATCHES_READ, Scope.BATCHES_WRITE
JSON, DICOM = "application/json", "application/dicom"
NOBODY = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True)
class Call:
    """One operation of an address."""

    scope: str
    method: str = "get"
    needs: tuple[str, ...] = ()
    ok: int = 200
    body: bytes = b""
    kind: str = JSON
    fixed: dict[str, Any] = field(default_factory=dict)
    # An address that names nothing of another organization has nothing foreign.
    foreign: int = 404


def post(scope: str, ok: int = 200, body: bytes = b"{}", **more: Any) -> Call:
    return Call(scope, "post", ok=ok, body=body, **more)


BATCH, STUDY, PLACE = ("batch_id",), ("study_id",), ("destination_id",)
CHECK = ("check_id",)
STOW = 'multipart/related; type="application/dicom"; boundary=edge'

# Bodies that are understood, and then refused: no setting allows this folder.
OUTSIDE_SOURCE = b'{"name": "Share", "kind": "folder", "config": {"root": "/etc"}}'
OUTSIDE_DESTINATION = (
    b'{"name": "Readers", "operator": "R", "region": "here", "agreement": "C-1",'
    b' "kind": "folder", "config": {"root": "/etc"}}'
)

RULE = (
    b'{"name": "CT", "kind": "dimse", "callingAe": "CT1", "calledAe": "PORTAL",'
    b' "destination": "Readers"}'
)
FIND = b'{"source": "Share", "patientId": "MR1"}'
TAKE = b'{"source": "Share", "choices": ["one"]}'
SERIES = b'{"source": "Share", "choice": "one"}'
BOXES = b'{"boxes": [{"x": 0, "y": 0, "width": 9, "height": 9}]}'
WHY = b'{"reason": "not wanted"}'

CALLS: dict[str, list[Call]] = {
    "api:anonymize_stream": [post(Scope.ANONYMIZE, 400, b"", kind=DICOM)],
    "api:batch_prepare": [post(WRITE, 422)],
    "api:batch_prepared": [Call(READ, needs=BATCH, ok=404)],
    "api:stow_reports": [post(Scope.REPORTS_WRITE, 400, b"--edge--\r\n", kind=STOW)],
    "api:stow": [post(Scope.STOW, 409, b"--edge--\r\n", kind=STOW)],
    "api:stow_study": [post(Scope.STOW, 409, b"--edge--", kind=STOW, fixed={"study": "1.2.3"})],
    "api:stow_rule": [post(Scope.STOW, 409, b"--edge--", kind=STOW, fixed={"rule_name": "r"})],
    "api:stow_rule_study": [
        post(Scope.STOW, 409, b"--edge--", kind=STOW, fixed={"rule_name": "r", "study": "1.2"})
    ],
    "api:me": [Call("")],
    "api:batches": [Call(READ), post(WRITE, 201)],
    "api:batch": [
        Call(READ, needs=BATCH),
        Call(WRITE, "patch", BATCH, 409, b"{}"),
    ],
    "api:batch_submit": [post(WRITE, 409, b"", needs=BATCH)],
    "api:batch_release": [post(Scope.RELEASE, 409, b"", needs=BATCH)],
    "api:batch_cancel": [post(Scope.RELEASE, 409, b"", needs=BATCH)],
    "api:batch_again": [post(Scope.RELEASE, 409, b"", needs=BATCH)],
    "api:batch_studies": [Call(READ, needs=BATCH)],
    "api:batch_instances": [Call(READ, needs=BATCH)],
    "api:batch_deliveries": [Call(READ, needs=BATCH)],
    "api:batch_manifest": [Call(Scope.MANIFESTS_READ, needs=BATCH)],
    "api:batch_manifest_signature": [Call(Scope.MANIFESTS_READ, needs=BATCH)],
    "api:batch_files": [post(WRITE, 409, b"x", kind=DICOM, needs=BATCH)],
    "api:batch_announce": [post(WRITE, 409, b'{"files": []}', needs=BATCH)],
    "api:batch_parts": [Call(WRITE, "put", BATCH, 409, b"x", "application/octet-stream")],
    "api:batch_upload": [Call(READ, needs=BATCH)],
    "api:batch_select": [post(WRITE, 409, b'{"source": "Share", "entries": ["one"]}', needs=BATCH)],
    "api:instances_exclude": [
        post(WRITE, 200, b'{"numbers": [99], "reason": "not wanted"}', needs=BATCH)
    ],
    "api:instances_retry": [post(WRITE, 200, b'{"numbers": [99]}', needs=BATCH)],
    "api:instances_keep_first": [post(WRITE, 200, b"", needs=BATCH)],
    "api:instances_restore": [post(WRITE, 200, b'{"numbers": [99]}', needs=BATCH)],
    "api:study_patient": [post(WRITE, 200, b'{"patientId": "MR77"}', needs=STUDY)],
    "api:profiles": [Call(READ), post(Scope.SETTINGS_WRITE, 422)],
    "api:profile": [Call(READ, needs=("version_id",))],
    "api:destinations": [Call(READ), post(Scope.SETTINGS_WRITE, 422)],
    "api:destination": [Call(Scope.SETTINGS_WRITE, "put", PLACE, 422, OUTSIDE_DESTINATION)],
    "api:destination_test": [post(Scope.SETTINGS_WRITE, 200, b"", needs=PLACE)],
    "api:destination_pause": [post(Scope.SETTINGS_WRITE, 200, b'{"paused": false}', needs=PLACE)],
    "api:sources": [Call(READ), post(Scope.SETTINGS_WRITE, 422)],
    "api:source": [Call(Scope.SETTINGS_WRITE, "put", ("source_id",), 422, OUTSIDE_SOURCE)],
    "api:source_test": [post(Scope.SETTINGS_WRITE, 409, b"", needs=("source_id",))],
    "api:listeners": [Call(Scope.SETTINGS_WRITE), post(Scope.SETTINGS_WRITE, 422)],
    "api:listener": [Call(Scope.SETTINGS_WRITE, "put", ("rule_id",), 200, RULE)],
    "api:organization": [
        Call(Scope.ORGANIZATION_WRITE),
        Call(Scope.ORGANIZATION_WRITE, "patch", (), 200, b"{}"),
    ],
    "api:batch_find": [post(WRITE, 409, FIND, needs=BATCH)],
    "api:batch_series": [post(WRITE, 409, SERIES, needs=BATCH)],
    "api:batch_take": [post(WRITE, 409, TAKE, needs=BATCH)],
    "api:batch_retrievals": [Call(READ, needs=BATCH)],
    "api:batch_fetch_again": [post(WRITE, 409, b"", needs=BATCH)],
    "api:studies_find": [post(READ, 200, b'{"cloudId": "0000000000000"}')],
    "api:batch_checks": [Call(READ, needs=BATCH)],
    "api:check_boxes": [post(WRITE, 409, BOXES, needs=CHECK)],
    "api:check_exclude": [post(WRITE, 409, WHY, needs=CHECK)],
    "api:batch_samples": [Call(READ, needs=BATCH), post(WRITE, 409, b"", needs=BATCH)],
    "api:templates": [Call(READ), post(Scope.SETTINGS_WRITE, 422)],
    "api:template": [Call(Scope.SETTINGS_WRITE, "delete", ("template_id",), 204)],
    "api:members": [Call(Scope.PEOPLE_WRITE)],
    "api:member": [Call(Scope.PEOPLE_WRITE, "delete", ("membership_id",), 204)],
    "api:tokens": [Call(Scope.PEOPLE_WRITE)],
    "api:token_revoke": [post(Scope.PEOPLE_WRITE, 200, b"", needs=("token_id",))],
    "api:report_systems": [Call(Scope.SETTINGS_WRITE)],
    "api:report_system_test": [post(Scope.SETTINGS_WRITE, 200, b"", needs=("system_id",))],
    "api:report_system_pause": [
        post(Scope.SETTINGS_WRITE, 200, b'{"paused": true}', needs=("system_id",))
    ],
    "api:audit_events": [Call(Scope.AUDIT_READ)],
    "api:audit_event": [Call(Scope.AUDIT_READ, needs=("event_id",))],
    "api:audit_verify": [post(Scope.AUDIT_READ, 200, b"")],
    "api:audit_exports": [
        Call(Scope.AUDIT_READ),
        post(Scope.AUDIT_READ, 202, b'{"format": "jsonl"}'),
    ],
    "api:audit_export": [Call(Scope.AUDIT_READ, needs=("export_id",))],
    "api:audit_export_file": [Call(Scope.AUDIT_READ, needs=("export_id",), ok=409)],
    "api:reports": [
        Call(Scope.REPORTS_WRITE),
        post(Scope.REPORTS_WRITE, 422, b" ", kind="text/plain"),
    ],
    "api:report": [Call(Scope.REPORTS_WRITE, needs=("report_id",))],
    "api:worklist": [Call(READ)],
}
# What holds no data, and is shown to everybody; the root is there for the others' addresses only.
PUBLIC = {"api:docs": 200, "api:openapi": 200, "api:api-root": 404}
