"""Rows of the portal: organizations, people's roles, batches and their instances, deliveries.

No column holds a patient's identifier in clear: what identifies is sealed under the batch's key,
and what is indexed is indexed by an HMAC under a key of that batch.
"""

from studies.models.batch import Batch, Chunk, Instance, Study, UploadPart
from studies.models.delivery import Delivery, Manifest
from studies.models.doorway import BulkLookUp, ConsentState, DoorAlert, ReportLink
from studies.models.listening import Arrival, Gathering, ListenerKind, ListenerRule
from studies.models.organization import (
    Confidence,
    Documents,
    LinkageDomain,
    Membership,
    Organization,
    Role,
    Unsure,
)
from studies.models.pixels import (
    DeviceTemplate,
    PixelCheck,
    PixelState,
    Sample,
    SampleItem,
    SampleState,
    Verdict,
)
from studies.models.places import Destination, DestinationKind, Source
from studies.models.profile import Profile, ProfileVersion
from studies.models.receipts import ObjectReceipt
from studies.models.report import LookUp, Report, ReportBody
from studies.models.retrieval import Retrieval, RetrievalState
from studies.models.sending import ReportSending, ReportTarget, SendingState, TargetKind
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
from studies.models.system import InstallationKey, Lease, SigningKey
from studies.models.token import ApiToken, PreparedBatch, Replay, Scope

__all__ = [
    "BATCH_TRANSITIONS",
    "INSTANCE_TRANSITIONS",
    "ApiToken",
    "Arrival",
    "Batch",
    "BatchState",
    "BulkLookUp",
    "Chunk",
    "ChunkKind",
    "ChunkState",
    "Confidence",
    "ConsentState",
    "Delivery",
    "Destination",
    "DestinationKind",
    "DestinationState",
    "DeviceTemplate",
    "Documents",
    "DoorAlert",
    "Gathering",
    "IllegalTransition",
    "InstallationKey",
    "Instance",
    "InstanceState",
    "Lease",
    "LinkageDomain",
    "ListenerKind",
    "ListenerRule",
    "LookUp",
    "Manifest",
    "Membership",
    "ObjectReceipt",
    "Organization",
    "PixelCheck",
    "PixelState",
    "PreparedBatch",
    "Priority",
    "Profile",
    "ProfileVersion",
    "ReleasePolicy",
    "Replay",
    "Report",
    "ReportBody",
    "ReportLink",
    "ReportSending",
    "ReportState",
    "ReportTarget",
    "Retrieval",
    "RetrievalState",
    "Role",
    "Sample",
    "SampleItem",
    "SampleState",
    "Scope",
    "SendingState",
    "SigningKey",
    "Source",
    "Study",
    "TargetKind",
    "Unsure",
    "UploadPart",
    "Verdict",
]
