"""Which DICOM objects come back as reports, and what a structured report of each class may hold.

Facts of PS3.3 A.35 and PS3.4; anything else that comes back is no report.
"""

_SR = "1.2.840.10008.5.1.4.1.1.88."
_PLAIN = frozenset(
    {"CONTAINER", "TEXT", "CODE", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME", "COMPOSITE",
     "IMAGE", "WAVEFORM"}
)  # fmt: skip
_MEASURED = _PLAIN | {"NUM", "SCOORD", "TCOORD"}
_SPATIAL = _MEASURED | {"SCOORD3D", "TABLE"}

KEY_OBJECTS = f"{_SR}59"
# SOP class → the value types that its content items may have.
STRUCTURED_REPORTS: dict[str, frozenset[str]] = {
    f"{_SR}11": _PLAIN,  # Basic Text
    f"{_SR}22": _MEASURED,  # Enhanced
    f"{_SR}33": _MEASURED,  # Comprehensive
    f"{_SR}34": _SPATIAL,  # Comprehensive 3D
    f"{_SR}35": _SPATIAL,  # Extensible
    f"{_SR}40": _MEASURED,  # Procedure Log
    f"{_SR}50": _MEASURED,  # Mammography CAD
    f"{_SR}65": _MEASURED,  # Chest CAD
    f"{_SR}67": _MEASURED,  # X-Ray Radiation Dose
    f"{_SR}68": _MEASURED,  # Radiopharmaceutical Radiation Dose
    f"{_SR}69": _MEASURED,  # Colon CAD
    f"{_SR}73": _SPATIAL,  # Patient Radiation Dose
    KEY_OBJECTS: _PLAIN,
}
# The template that an object of the class says it follows, if it says so, and the concept of its
# root: dose reports are of TID 10001, 10011 or 10021, key objects of TID 2010.
TEMPLATES: dict[str, tuple[str, ...]] = {
    KEY_OBJECTS: ("2010",),
    f"{_SR}67": ("10001", "10003", "10011", "10040"),
    f"{_SR}68": ("10021",),
    f"{_SR}73": ("10030",),
}
ROOT_CONCEPTS: dict[str, tuple[str, ...]] = {
    f"{_SR}67": ("113701", "113830"),
    f"{_SR}68": ("113500", "113507"),
}
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
OTHERS: frozenset[str] = frozenset(
    {
        ENCAPSULATED_PDF,
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.5",  # Surface Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
        "1.2.840.10008.5.1.4.1.1.66.1",  # Spatial Registration
        "1.2.840.10008.5.1.4.1.1.66.2",  # Spatial Fiducials
        "1.2.840.10008.5.1.4.1.1.66.3",  # Deformable Spatial Registration
        "1.2.840.10008.5.1.4.1.1.67",  # Real World Value Mapping
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
        "1.2.840.10008.5.1.4.1.1.481.3",  # RT Structure Set
        *(f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in range(1, 13)),  # Presentation States
    }
)
