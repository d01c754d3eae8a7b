"""The modalities of the standard: what a column in clear, or a list to choose from, may name."""

# PS3.3 C.7.3.1.1.1, defined terms that are in use.
_MODALITIES = """
AR ASMT AU BDUS BI BMD CD CF CR CS CT CTPROTOCOL DD DF DG DM DOC DS DX EC ECG EEG EMG EOG EPS ES
FA FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV
OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD
RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF ST STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC
"""
MODALITIES = frozenset(_MODALITIES.split())


def known_modality(value: str) -> str:
    """Return a modality of the standard, or nothing: a column in clear takes no free text."""
    return value if value in MODALITIES else ""
