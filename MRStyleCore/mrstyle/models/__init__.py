"""Models as folders: the card, the package that holds card and weights, and where packages are found."""

from .card import ModelCard
from .package import Package, check_package, load_card, load_package, save_package

__all__ = ["ModelCard", "Package", "check_package", "load_card", "load_package", "save_package"]
