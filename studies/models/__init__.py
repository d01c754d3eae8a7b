"""Rows of the portal: organizations, people's roles, batches and their instances, deliveries.

No column holds a patient's identifier in clear: what identifies is sealed under the batch's key,
and what is indexed is indexed by an HMAC under a key of that batch.
"""

from studies.models.batch import Batch, Chunk, Instance, Study, UploadPart
from studies.models.delivery import Delivery, Manifest
from studies.models.organization import LinkageDomain, Membership, Organization, Role
from studies.models.places import Destination, Source
from studies.models.profile import Profile, ProfileVersion
from studies.models.report import LookUp, Report
from studies.models.states import (
    BATCH_TRANSITIONS,
    INSTANCE_TRANSITIONS,
    BatchState,
    ChunkKind,
    ChunkState,
    DestinationState,
    IllegalTransition,
    InstanceState,
    Priority,
    ReleasePolicy,
    ReportState,
)
from studies.models.system import Lease, SigningKey

__all__ = [
    "BATCH_TRANSITIONS",
    "INSTANCE_TRANSITIONS",
    "Batch",
    "BatchState",
    "Chunk",
    "ChunkKind",
    "ChunkState",
    "Delivery",
    "Destination",
    "DestinationState",
    "IllegalTransition",
    "Instance",
    "InstanceState",
    "Lease",
    "LinkageDomain",
    "LookUp",
    "Manifest",
    "Membership",
    "Organization",
    "Priority",
    "Profile",
    "ProfileVersion",
    "ReleasePolicy",
    "Report",
    "ReportState",
    "Role",
    "SigningKey",
    "Source",
    "Study",
    "UploadPart",
]
