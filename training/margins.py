"""By how much a new classifier may be worse than the active one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_MARGINS: Mapping[str, float] = {
    "auc": 0.01,
    "balanced_accuracy": 0.02,
    "tpr_at_5_fpr": 0.05,
    "calibration_error": 0.02,
    "fakes_called": 0.05,
    "false_alarms": 0.02,
}
"""The last two are of verdicts: the shares of fakes and of real that a classifier's own threshold calls fake."""

LOWER_IS_BETTER = frozenset({"calibration_error", "false_alarms"})


@dataclass(frozen=True)
class Margins:
    """By how much each figure may be worse; what is not stated has its default."""

    stated: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.stated.items():
            if name not in DEFAULT_MARGINS:
                raise ValueError(f"there is no margin for {name!r}, only for {', '.join(DEFAULT_MARGINS)}")
            if not 0 <= value <= 1:
                raise ValueError(f"the margin of {name} must lie between 0 and 1, got {value}")

    def of(self, name: str) -> float:
        """The margin of one figure."""
        return self.stated.get(name, DEFAULT_MARGINS[name])
