"""Draws the PNG of every icon from the SVG beside it: ``python Resources/Icons/draw_icons.py``."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication, QImage, QPainter, Qt
from PySide6.QtSvg import QSvgRenderer

ROOT = Path(__file__).resolve().parents[2]
SIZE = 128  # pixels, the size that the Extensions Manager asks for


def draw(svg: Path, size: int = SIZE) -> QImage:
    """The icon as a square picture on a transparent ground.

    Raises:
        ValueError: the file is no SVG that Qt can draw.
    """
    renderer = QSvgRenderer(str(svg))
    if not renderer.isValid():
        raise ValueError(f"{svg} is no SVG that Qt can draw.")
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter)
    painter.end()
    return image


if __name__ == "__main__":
    application = QGuiApplication([])
    for svg in sorted(ROOT.glob("Resources/Icons/*.svg")) + sorted(ROOT.glob("*/Resources/Icons/*.svg")):
        draw(svg).save(str(svg.with_suffix(".png")))
