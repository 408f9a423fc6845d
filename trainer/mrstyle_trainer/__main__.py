"""``python -m mrstyle_trainer``, the same as ``mrstyle-train``."""

from .cli import main

main()
