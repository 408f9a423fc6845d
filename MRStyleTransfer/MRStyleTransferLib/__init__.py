# ruff: noqa: N999 - named as Slicer's own packages, such as DICOMLib
"""The panel of MRStyleTransfer: what the user chooses, a run, and how its result is looked at."""
