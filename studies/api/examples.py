"""Bodies that the documentation shows; a test sends every one of them."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "openBatch": {"priority": "HIGH", "profile": "teleradiology", "release": "when-clean"},
    "changeBatch": {"priority": "STAT", "waitForHeld": False},
    "batchPrepare": {
        "organizationId": "north",
        "studyDirectory": "2026/week-47",
        "priority": "ROUTINE",
    },
    "announceFiles": {"files": [{"path": "CT/IM00001", "size": 527104, "modified": 0}]},
    "selectEntries": {"source": "Share", "entries": ["2026/week-47"]},
    "excludeInstances": {"code": "pixel-text-unchecked", "reason": "screen captures aren't sent"},
    "retryInstances": {"numbers": [3, 4]},
    "restoreInstances": {"numbers": [3]},
    "enterPatient": {"patientId": "MR1234567", "issuer": "NORTH"},
    "makeProfileVersion": {
        "name": "our-profile",
        "text": "name: our-profile\nbase: basic\noptions: [clean-descriptors]\nrules: []\n",
    },
    "pauseDestination": {"paused": True},
    "addDestination": {
        "name": "Reading centre",
        "kind": "s3",
        "operator": "Reading Centre Ltd",
        "region": "test-region",
        "agreement": "C-2026-17",
        "config": {"bucket": "readers-in", "awsRegion": "eu-central-1", "auth": "keys"},
        "secrets": {"accessKey": "the key's id", "secretKey": "the key"},
    },
    "changeDestination": {
        "name": "Readers",
        "kind": "stow",
        "operator": "Reading Centre Ltd",
        "region": "test-region",
        "agreement": "C-2026-17",
        "config": {"url": "https://archive.example/dicom-web", "auth": "bearer"},
    },
    "addListener": {
        "name": "CT 1",
        "kind": "dimse",
        "callingAe": "CT1",
        "calledAe": "ANONPORTAL",
        "networks": ["10.1.0.0/16"],
        "destination": "Readers",
        "profile": "teleradiology",
        "priority": "HIGH",
    },
    "changeListener": {
        "name": "Router",
        "kind": "stow",
        "destination": "Readers",
        "isActive": False,
    },
    "changeOrganization": {
        "allowedRegions": ["test-region", "eu-central-1"],
        "samplingConfidence": 95,
        "retentionDays": 3,
    },
    "addSource": {
        "name": "PACS",
        "kind": "dimse",
        "config": {
            "host": "pacs.example",
            "port": 104,
            "calledAe": "PACS",
            "callingAe": "ANONPORTAL",
            "method": "get",
        },
    },
    "changeSource": {
        "name": "Archive",
        "kind": "dicomweb",
        "config": {"url": "https://pacs.example/dicom-web", "user": "portal"},
        "secrets": {"password": "the password"},
    },
}
