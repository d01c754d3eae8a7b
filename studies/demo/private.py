"""Private blocks as manufacturers write them: Siemens CSA-like headers and GE's groups.

They hold the patient's name and ids inside binary values, where only removal or the list of safe
private attributes can deal with them. No pixels, no files.
"""

import struct

from pydicom.dataset import Dataset

from studies.demo.people import Visit, stable_uid


def csa_header(fields: dict[str, tuple[str, str]]) -> bytes:
    """A CSA2-shaped binary header: named fields with a VR and one text value each."""
    out = [b"SV10\x04\x03\x02\x01", struct.pack("<II", len(fields), 77)]
    for name, (vr, text) in fields.items():
        value = text.encode() + b"\x00"
        out.append(struct.pack("<64sI4sIII", name.encode(), 1, vr.encode(), 0, 1, 77))
        out.append(struct.pack("<4I", len(value), len(value), 77, len(value)))
        out.append(value + b"\x00" * (-len(value) % 4))
    data = b"".join(out)
    return data + b"\x00" * (len(data) % 2)


def add_siemens(ds: Dataset, visit: Visit) -> None:
    """Siemens CSA blocks; the series header repeats the registered patient."""
    block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    image = {
        "SliceThickness": ("DS", "5.0"),
        "EchoTime": ("DS", "90"),
        "ImaRelTablePosition": ("IS", "0"),
    }
    series = {
        "PatientName": ("PN", visit.patient.name.split("=")[0].encode("ascii", "replace").decode()),
        "PatientID": ("LO", visit.patient.patient_id),
        "tReferenceImage": ("UI", visit.uid("private reference")),
        "MrPhoenixProtocol": ("UN", f"### ASCCONV BEGIN ### tPatientName = {visit.patient.family}"),
    }
    block.add_new(0x08, "CS", "IMAGE NUM 4")
    block.add_new(0x09, "LO", "20240101")
    block.add_new(0x10, "OB", csa_header(image))
    block.add_new(0x20, "OB", csa_header(series))
    medcom = ds.private_block(0x0029, "SIEMENS MEDCOM HEADER2", create=True)
    medcom.add_new(0x60, "LO", "com")


def add_siemens_diffusion(ds: Dataset) -> None:
    """The Siemens diffusion attributes that the standard's list calls safe."""
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0D, "CS", "DIRECTIONAL")
    block.add_new(0x0E, "FD", [0.0, 0.6, 0.8])


def add_ge(ds: Dataset, visit: Visit) -> None:
    """GE's identification, acquisition and parameter groups: some safe, some with identity."""
    identification = ds.private_block(0x0009, "GEMS_IDEN_01", create=True)
    identification.add_new(0x01, "LO", "GE_GENESIS_FF")
    identification.add_new(0x02, "SH", visit.station[:8])
    identification.add_new(0xE3, "UI", stable_uid(visit.study_uid, "equipment"))
    acquisition = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    acquisition.add_new(0x23, "DS", "39.37")
    acquisition.add_new(0x24, "DS", "12.5")
    acquisition.add_new(0x27, "DS", "0.5")
    patient = ds.private_block(0x0025, "GEMS_SERS_01", create=True)
    patient.add_new(0x07, "SL", 4)
    patient.add_new(0x1A, "SH", visit.accession[:16])
    parameters = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
    parameters.add_new(0x27, "SH", "0.984:1")
    parameters.add_new(0x10, "US", 400)
