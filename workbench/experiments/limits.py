"""What to say when memory ends, in Python, numpy or torch alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import WorkbenchError


@contextmanager
def enough_memory(doing: str) -> Iterator[None]:
    """Turns a want of memory inside into a `WorkbenchError` with the next step.

    torch says it by a plain RuntimeError whose text tells of memory that cannot be allocated.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (
            isinstance(error, MemoryError)
            or "allocate memory" in str(error)
            or "not enough memory" in str(error)
        ):
            raise WorkbenchError(
                f"not enough memory for {doing}; take fewer pictures (samples=...) or a smaller network, "
                f"or close other programs: {error}"
            ) from error
        raise
