"""What a person has chosen and what came out: traitlets, no widgets; the work is injected."""

from workbench.session.choice import Choice
from workbench.session.explorer import VIEWS, Explorer, Line, Problem
from workbench.session.runner import AtOnce, Progress, Threads

__all__ = ["VIEWS", "AtOnce", "Choice", "Explorer", "Line", "Problem", "Progress", "Threads"]
