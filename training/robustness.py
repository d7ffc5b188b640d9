"""Degrades faces in fixed ways before they are judged, and tells what that does to the figures.

Everything is done to the crop as the network sees it (224 px for most), alike for real and fake. Each way comes in two
strengths, so that a curve can be drawn through clean, mild and strong.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.compression import recompress_h264
from training.intervals import draw_weights, middle, telling
from training.measuring import Scored, figures_of
from training.metrics import Ranked, auc_of, roc_auc
from worker.pipeline.results import Pixels

Crops = NDArray[np.uint8]
ROUNDS = 500


@dataclass(frozen=True)
class Condition:
    """One way and strength of degrading.

    Args:
        name: as in the figures.
        family: the way, such as "JPEG"; its strengths make one curve.
        change: gives (n, size, size, 3), RGB, uint8, the same shape.
    """

    name: str
    family: str
    change: Callable[[Crops], Crops]


def encode_jpeg(crop: Pixels, quality: int) -> Pixels:
    """A crop after a JPEG of this quality, with halved colour."""
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(crop[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def shrink(crop: Pixels, factor: float) -> Pixels:
    """A crop of a smaller face: shrunk, and enlarged again as a scan does."""
    side = crop.shape[0]
    small = max(1, round(side * factor))
    reduced = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def blur(crop: Pixels, sigma_px: float) -> Pixels:
    """A crop out of focus."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma_px), np.uint8)


def add_noise(crop: Pixels, deviation: float) -> Pixels:
    """A crop with grain of this standard deviation in grey levels; the same grain every time."""
    noise = np.random.default_rng(0).normal(0, deviation, crop.shape)
    return np.clip(np.round(crop + noise), 0, 255).astype(np.uint8)


def recompress(crops: Crops, crf: int) -> Crops:
    """Crops after libx264, each as a moving clip of its own, on every processor."""
    # The encoder works outside of Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(lambda crop: recompress_h264(crop[None], crf=crf), crops)
        return np.concatenate([crops[:0], *parts])


def _each(change: Callable[[Pixels], Pixels]) -> Callable[[Crops], Crops]:
    return lambda crops: np.stack([change(crop) for crop in crops]) if len(crops) else crops


CONDITIONS = (
    Condition("h264 crf 23", "H.264", lambda crops: recompress(crops, 23)),
    Condition("h264 crf 40", "H.264", lambda crops: recompress(crops, 40)),
    Condition("jpeg 60", "JPEG", _each(lambda crop: encode_jpeg(crop, 60))),
    Condition("jpeg 30", "JPEG", _each(lambda crop: encode_jpeg(crop, 30))),
    Condition("half size", "size", _each(lambda crop: shrink(crop, 0.5))),
    Condition("quarter size", "size", _each(lambda crop: shrink(crop, 0.25))),
    Condition("blur 1.5 px", "blur", _each(lambda crop: blur(crop, 1.5))),
    Condition("blur 3 px", "blur", _each(lambda crop: blur(crop, 3.0))),
    Condition("noise 8", "noise", _each(lambda crop: add_noise(crop, 8.0))),
    Condition("noise 16", "noise", _each(lambda crop: add_noise(crop, 16.0))),
)
"""What every classifier meets, in the order of the table: mild before strong."""
CLEAN = "clean"


def robustness_table(scored: Mapping[str, Mapping[str, Scored]]) -> dict[str, Any]:
    """The figures under each condition, and how far the AUC moved from the clean one.

    Args:
        scored: by condition (with "clean"), by what is measured ("image", "video"), the same examples in one order.

    Returns:
        by condition and by what is measured: the figures of `figures_of`; "auc_change" with its interval over paired
        rounds; and "auc_only_real" and "auc_only_fake", where one class alone was degraded and the other is clean. A
        classifier that lives on the traces of compression is thrown by these two in opposite directions.
    """
    table: dict[str, Any] = {}
    for condition, parts in scored.items():
        table[condition] = {}
        for name, part in parts.items():
            figures = figures_of(part)
            if condition != CLEAN and "auc" in figures:
                clean, is_fake = scored[CLEAN][name], part.truth > 0.5
                figures |= compare_with_clean(clean, part)
                figures["auc_only_real"] = roc_auc(part.truth, np.where(is_fake, clean.scores, part.scores))
                figures["auc_only_fake"] = roc_auc(part.truth, np.where(is_fake, part.scores, clean.scores))
            table[condition][name] = figures
    return table


def compare_with_clean(clean: Scored, changed: Scored) -> dict[str, Any]:
    """How far the AUC of the same files moved, with an interval over paired rounds."""
    truth = clean.truth
    before, after = Ranked(truth, clean.scores), Ranked(truth, changed.scores)
    changes = [
        auc_of(after, weights[after.order]) - auc_of(before, weights[before.order])
        for weights in draw_weights(len(truth), clean.clusters, rounds=ROUNDS, seed=0)
        if 0 < (weights * truth).sum() < weights.sum()
    ]
    return {
        "auc_change": roc_auc(truth, changed.scores) - roc_auc(truth, clean.scores),
        "auc_change_interval": telling(middle(changes)),
    }


def pick_evenly(names: Sequence[str], *, most: int) -> list[int]:
    """At most so many places, alike from every name, spread over each; in rising order.

    Args:
        names: of each place, such as its class and source.
        most: how many to pick.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    left, picked = most, []
    # The small ones first: what they leave over goes to the large ones.
    groups = sorted(places.values(), key=len)
    for number, members in enumerate(groups):
        share = min(len(members), left // (len(groups) - number))
        picked += [members[place * len(members) // share] for place in range(share)]
        left -= share
    return sorted(picked)
