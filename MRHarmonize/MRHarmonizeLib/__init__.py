# ruff: noqa: N999 - named as Slicer's own packages, such as DICOMLib
"""The panel of MRHarmonize: what the user chooses, runs and checks, and whether their results can be trusted."""
