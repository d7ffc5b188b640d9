"""What a recipe refuses."""

from typing import Any

import pytest

from training.errors import TrainingError
from training.recipe import Recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 31}, "batch must be even"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"rate": 0.0}, "rate must be above 0, got 0.0"),
        ({"rate": float("nan")}, "rate must be above 0, got nan"),
        ({"ema": 1.0}, "ema must be at least 0 and below 1, got 1.0"),
        ({"video_share": 1.0}, "video_share must be above 0 and below 1, got 1.0"),
        ({"blended_share": 1.5}, "blended_share must be at least 0 and at most 1, got 1.5"),
        ({"optimizer": "lion"}, "optimizer must be one of adamw, sgd, got 'lion'"),
        ({"precision": "int8"}, "precision must be one of auto, float32"),
        ({"unfreeze": "some"}, "unfreeze must be 'all' or a number of stages from 0 on, got 'some'"),
        ({"unfreeze": -1}, "unfreeze must be 'all'"),
        ({"rate_steps": (0.8, 0.5)}, "rate_steps must rise between 0 and 1"),
        ({"class_weights": "balanced"}, "class_weights must be 'equal', 'found' or two positive numbers"),
        ({"class_weights": (1.0, 0.0)}, "class_weights must be"),
    ],
)
def test_values_out_of_range_are_named(changes: dict[str, Any], message: str) -> None:
    """A wrong value is answered with its name, its range and itself."""
    with pytest.raises(TrainingError, match=message.replace("(", r"\(")):
        Recipe(**changes)


def test_an_epoch_has_at_least_one_step() -> None:
    """Fewer rows than a batch are still a step."""
    assert Recipe(rows_per_epoch=10, batch=32).steps_per_epoch == 1
    assert Recipe(rows_per_epoch=100, batch=32).steps_per_epoch == 3
