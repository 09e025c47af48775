"""How long and how fast one stage is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from workbench.errors import SettingError


@dataclass(frozen=True, slots=True)
class Plan:
    """One stage of training.

    `schedule` "plateau": Adam whose rate is multiplied by `factor` when the held-out loss has not improved
    for `plateau` epochs; "polynomial": `warmup` epochs of rising rate, then base · (1 - progress)^`power`.
    Either ends early after `patience` epochs without improvement (0: never), and the weights of the best
    epoch are kept. `held_out` is the share of the pictures on which improvement is judged.
    """

    schedule: Literal["plateau", "polynomial"] = "plateau"
    epochs: int = 40
    batch: int = 64
    learning_rate: float = 1e-3
    patience: int = 10
    held_out: float = 0.2
    plateau: int = 4
    factor: float = 0.3
    warmup: int = 0
    power: float = 0.9

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000), ("batch", 2, 65_536), ("patience", 0, 100_000), ("plateau", 0, 1000),
            ("warmup", 0, 100_000), ("learning_rate", 1e-9, 10.0), ("held_out", 0.01, 0.9),
            ("factor", 0.001, 0.999), ("power", 0.0, 10.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise SettingError(f"training: {name} is {value!r}; it must be a number from {low} to {high}")
        if self.schedule not in ("plateau", "polynomial"):
            raise SettingError(f"training: schedule is {self.schedule!r}; known: plateau, polynomial")

    def settings(self) -> dict[str, Any]:
        """Name to value, ready for JSON."""
        return asdict(self)


RECONSTRUCT = Plan()
FINETUNE = Plan("polynomial", epochs=15, learning_rate=5e-4, warmup=5, patience=0)
