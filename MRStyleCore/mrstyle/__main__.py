"""``python -m mrstyle`` is the command ``mrstyle``."""

from .cli import main

main()
