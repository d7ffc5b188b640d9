"""Says how often each face is shown among those of its class.

A source of n faces counts as root n, so that it is neither drowned nor learnt by heart. Where reviewed videos stand
beside an old set, the old set keeps its share of each class, so that what was learnt before is not forgotten.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.dataset import Item

MOST_OFTEN = 10.0
"""A reviewed face is shown at most so many times as often as an old one, or a handful would be learnt by heart."""

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


def shown_weights(items: Sequence[Item], *, replay: float, video_share: float | None) -> Vector:
    """How often each face is shown, in numbers that mean something within a class alone.

    Args:
        items: the item of each face.
        replay: share of the faces of a class that are of the old set, where reviewed ones stand beside it; it is larger
            where reviewed ones would come too often.
        video_share: share of the faces from videos, where the old set has pictures and videos of both classes; None
            shows what is there.
    """
    sources = [f"{item.label} {item.kind} {item.source}" for item in items]
    _, places, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = np.array([item.weight for item in items]) / np.sqrt(counts[places])
    fake, is_video, is_old = (
        np.array([is_so(item) for item in items], bool)
        for is_so in (lambda item: item.is_fake, lambda item: item.kind == "video", lambda item: not item.is_reviewed)
    )
    parts = [(fake == target) & (is_video == kind) for target in (False, True) for kind in (False, True)]
    # Videos more often among one class would tell the class.
    has_shares = video_share is not None and all((part & is_old).any() for part in parts)
    for part in parts if has_shares else [~fake, fake]:
        _let_replay(weights, part & is_old, part & ~is_old, replay)
    if video_share is not None and has_shares:
        for part in parts:
            weights[part] *= (video_share if is_video[part][0] else 1 - video_share) / weights[part].sum()
    return weights


def _let_replay(weights: Vector, old: Mask, new: Mask, replay: float) -> None:
    """Scales the weights of what is new to its share, or to what is most often."""
    if not (old.any() and new.any()):
        return
    wanted = (1 - replay) / replay * weights[old].sum() / weights[new].sum()
    most = MOST_OFTEN * weights[old].mean() / weights[new].max()
    weights[new] *= min(wanted, most)
