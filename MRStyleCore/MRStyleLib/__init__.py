# ruff: noqa: N999 - named as Slicer's own packages, such as DICOMLib
"""What MRStyle's panels share inside Slicer: the worker process and its models, and volumes into and out of the scene.

Nothing here imports torch, pydantic or the inference core: those run in the worker process.
"""
