"""MRStyle's inference core: change how an MR volume looks, never what it shows. For research, not for diagnosis."""

__version__ = "0.1.0"
