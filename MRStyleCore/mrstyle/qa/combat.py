"""ComBat on values by region: statistics instead of images made comparable, as the others are compared to.

Johnson et al., "Adjusting batch effects in microarray expression data using empirical Bayes methods" (Biostatistics 2007),
for cortical thickness by Fortin et al. (NeuroImage 2018).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError


def combat(
    values: ArrayLike, sites: Sequence[str], covariates: Mapping[str, Sequence[str] | Sequence[float]]
) -> np.ndarray:
    """The values without what sites add to them (offset and spread a region), at the mean over all sites.

    Args:
        values: (scans, regions), such as the mean thickness by region in mm.
        sites: of each scan.
        covariates: by name, a value of each scan; what explains the values otherwise, such as age, which is kept.
            Numbers are continuous, text is in classes.

    Returns:
        float64 (scans, regions).

    Raises:
        InputError: neuroCombat is not installed, there are fewer than two sites or two scans of one, a value is NaN or
            infinite, or a region or covariate cannot be told from the sites.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or any(len(each) != len(table) for each in (sites, *covariates.values())):
        raise InputError("ComBat needs one row of values, one site and one value of each covariate a scan.")
    if not np.isfinite(table).all():
        raise InputError("ComBat needs every value; leave out scans or regions where one is missing.")
    varies = np.ptp(table, axis=0) > 0
    if varies.sum() < 2:
        raise InputError("ComBat learns from many regions at once; give two or more that vary.")
    few = [site for site, count in Counter(sites).items() if count < 2]
    if few or len(set(sites)) < 2:
        lacking = f"; {', '.join(few)} has one" if few else ""
        raise InputError(f"ComBat needs two sites or more with two scans or more each{lacking}.")
    try:
        import pandas as pd
        from neuroCombat import neuroCombat
    except ImportError as error:
        raise InputError('ComBat needs neuroCombat; install it with: pip install "mrstyle[qa]"') from error
    continuous = [name for name, column in covariates.items() if not isinstance(column[0], str)]
    harmonized = table.copy()
    try:
        # It prints its steps.
        with redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            harmonized[:, varies] = neuroCombat(
                dat=table[:, varies].T,
                covars=pd.DataFrame(
                    {"site": list(sites)} | {name: list(covariates[name]) for name in covariates}
                ),
                batch_col="site",
                categorical_cols=[name for name in covariates if name not in continuous],
                continuous_cols=continuous,
            )["data"].T
    except np.linalg.LinAlgError:
        harmonized[:] = np.nan
    if not np.isfinite(harmonized).all():
        raise InputError(
            "ComBat cannot tell the sites from the covariates or finds no variation within sites; use fewer covariates "
            "or more scans."
        )
    return harmonized
