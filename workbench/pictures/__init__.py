"""Pictures to try a network on: held-out digits, photographs, own folders, files and uploads, all as RGB."""

from workbench.pictures.record import Picture, Pictures
from workbench.pictures.sources import SOURCES, load

__all__ = ["SOURCES", "Picture", "Pictures", "load"]
