# ruff: noqa: N999 - named as Slicer's own packages, such as DICOMLib
"""The ContrastSynth panel: another sequence's contrast of the same patient, live while a slider moves."""
