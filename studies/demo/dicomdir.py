"""A DICOMDIR for the demo's disc: patient, study, series and image records with true offsets.

pydicom's FileSet would do, but it keeps a temporary folder until the process ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from studies.demo.attributes import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION

_KEYS = {
    "PATIENT": ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    "STUDY": (
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyDescription",
        "StudyInstanceUID",
        "StudyID",
    ),
    "SERIES": ("Modality", "SeriesInstanceUID", "SeriesNumber", "InstitutionName"),
    "IMAGE": ("InstanceNumber", "ImageType"),
}
_IDENTITY = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}


@dataclass
class _Node:
    """One directory record and the records below it."""

    record: Dataset
    children: dict[str, _Node] = field(default_factory=dict)


def write_dicomdir(disc: Path, instances: Iterable[tuple[Path, Dataset]], uid: str) -> Path:
    """Write the directory of a disc's image files (paths below it) into its root."""
    root = _Node(Dataset())
    for path, ds in instances:
        _place(root, ds, path.relative_to(disc).parts)
    directory = _directory(uid)
    flat = list(_flattened(root))
    directory.DirectoryRecordSequence = Sequence([node.record for node in flat])
    # Offsets are of fixed length, so a first encoding tells where each record will lie.
    _link(directory, root, flat, _record_offsets(directory))
    target = disc / "DICOMDIR"
    target.write_bytes(_encoded(directory))
    return target


def _place(root: _Node, ds: Dataset, file_id: tuple[str, ...]) -> None:
    parent = root
    for level, identity in _IDENTITY.items():
        key = str(ds[identity].value)
        if key not in parent.children:
            parent.children[key] = _Node(_record(level, ds, file_id))
        parent = parent.children[key]


def _record(level: str, ds: Dataset, file_id: tuple[str, ...]) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = level
    if "SpecificCharacterSet" in ds:
        record.SpecificCharacterSet = ds.SpecificCharacterSet
    if level == "IMAGE":
        record.ReferencedFileID = list(file_id)
        record.ReferencedSOPClassUIDInFile = ds.SOPClassUID
        record.ReferencedSOPInstanceUIDInFile = ds.SOPInstanceUID
        record.ReferencedTransferSyntaxUIDInFile = ds.file_meta.TransferSyntaxUID
    for keyword in _KEYS[level]:
        if keyword in ds:
            record[keyword] = ds[keyword]
    return record


def _flattened(node: _Node) -> Iterable[_Node]:
    for child in node.children.values():
        yield child
        yield from _flattened(child)


def _directory(uid: str) -> Dataset:
    directory = Dataset()
    meta = directory.file_meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    directory.FileSetID = "CLINIC"
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.FileSetConsistencyFlag = 0
    return directory


def _encoded(directory: Dataset) -> bytes:
    buffer = BytesIO()
    directory.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _record_offsets(directory: Dataset) -> list[int]:
    read = dcmread(BytesIO(_encoded(directory)))
    return [record.seq_item_tell for record in read.DirectoryRecordSequence]


def _link(directory: Dataset, root: _Node, flat: list[_Node], offsets: list[int]) -> None:
    where = {id(node): offset for node, offset in zip(flat, offsets, strict=True)}
    for node in [root, *flat]:
        children = list(node.children.values())
        if node is not root and children:
            node.record.OffsetOfReferencedLowerLevelDirectoryEntity = where[id(children[0])]
        for child, sibling in pairwise(children):
            child.record.OffsetOfTheNextDirectoryRecord = where[id(sibling)]
    top = list(root.children.values())
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = where[id(top[0])]
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = where[id(top[-1])]
