"""Codes of ``relaxometry`` from several scans of one patient, fused into one."""

from __future__ import annotations

import numpy as np

from ..methods.relaxometry import LOG_SD, PD, RESIDUAL


def fused(codes: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """One code (C, k, j, i): maps weighted by their precisions, residuals averaged.

    Each scan has a gain of its own, which is in its PD alone. There, the others are first brought to the first one by the
    median ratio over ``mask``, the patient, where both are sure of it.
    """
    first = codes[0]
    if len(codes) == 1:
        return first
    aligned = [first]
    for code in codes[1:]:
        unsure = np.maximum(first[LOG_SD][PD], code[LOG_SD][PD])[mask]
        ratios = (first[PD] - code[PD])[mask][unsure <= np.median(unsure)]
        code = code.copy()
        code[PD] += np.median(ratios)
        aligned.append(code)
    stack = np.stack(aligned)
    precision = np.exp(-2 * stack[:, LOG_SD])
    total = precision.sum(axis=0)
    return np.concatenate(
        [
            (precision * stack[:, :3]).sum(axis=0) / total,
            -0.5 * np.log(total),
            stack[:, RESIDUAL:].mean(axis=0),
        ]
    )
