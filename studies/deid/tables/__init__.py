"""The standard's tables as generated data; `build.py` writes them, nothing else is edited by hand.

DICOM PS3.3, PS3.4, PS3.6, PS3.15 and PS3.16, © NEMA.
"""
