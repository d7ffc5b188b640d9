"""Figures of scored pictures, frames or videos, for training and evaluation alike: whole, by source and by band."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.dataset import Item
from training.grouping import group_items
from training.intervals import Interval, errors_by_chance, interval, intervals_of, mean_interval
from training.metrics import (
    CALLED_FAKE_FROM,
    EXAMPLES_FOR_FIVE_PER_CENT,
    EXAMPLES_FOR_ONE_PER_CENT,
    measure,
    roc_auc,
)
from training.quality import band_key

Rows = NDArray[np.int64]
BAND_ROUNDS = 500
FEW_CLUSTERS = 20
VERDICTS = ("real", "uncertain", "fake")


@dataclass(frozen=True)
class Scored:
    """Pictures, frames or videos with their calibrated scores.

    Args:
        items: the file of each example; a video once for each of its frames where frames are measured.
        scores: calibrated, 0..1, one per example.
        clusters: what a bootstrap draws together: files that share a person or footage.
        groups: what is held out together: in most cases a whole source.
        folds: the fold of each example, where there are folds.
        bands: by name of a property ("quality", "face_size"), the band of each example.
    """

    items: Sequence[Item]
    scores: NDArray[np.float64]
    clusters: Rows
    groups: Rows
    folds: Rows | None = None
    bands: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.scores, self.clusters, self.groups, *self.bands.values())}
        if lengths != {len(self.items)}:
            raise ValueError(f"every part must have one value for each of {len(self.items)} examples, got {lengths}")

    @property
    def truth(self) -> NDArray[np.float64]:
        """1 for fake, 0 for real."""
        return np.array([item.is_fake for item in self.items], np.float64)

    @property
    def files(self) -> Rows:
        """The number of each example's file."""
        return np.unique([str(item.path) for item in self.items], return_inverse=True)[1].astype(np.int64)

    def take(self, rows: NDArray[Any]) -> "Scored":
        """Some of the examples, by place or by mask."""
        places = np.arange(len(self.items))[rows]
        return replace(
            self,
            items=[self.items[place] for place in places],
            scores=self.scores[places],
            clusters=self.clusters[places],
            groups=self.groups[places],
            folds=None if self.folds is None else self.folds[places],
            bands={name: [found[place] for place in places] for name, found in self.bands.items()},
        )


def cluster_items(items: Sequence[Item], twins: Iterable[tuple[int, int]] = ()) -> Rows:
    """Numbers what a bootstrap draws together: files that share a person or footage, whatever their source.

    Args:
        items: in the order of the result.
        twins: places of near-duplicates, which are drawn together too.
    """
    # Each file is a source of its own here, so that only identities and twins join files.
    alone = [replace(item, source=f"file {number}") for number, item in enumerate(items)]
    return np.array(group_items(alone, twins), np.int64)


def figures_of(scored: Scored, *, thresholds: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every figure with its interval, by source, by band and by fold; of one class, what that class alone allows.

    Args:
        scored: at least one example.
        thresholds: "real_below" and "fake_from" of the bundle; adds what verdicts they give.
    """
    truth = scored.truth
    figures: dict[str, Any] = {"examples": len(truth), "clusters": len(np.unique(scored.clusters))}
    figures |= measure(truth, scored.scores)
    figures["intervals"] = intervals_of(truth, scored.scores, clusters=scored.clusters, files=scored.files)
    figures["calibration_error_by_chance"] = float(errors_by_chance(scored.scores, files=scored.files).mean())
    figures["notes"] = notes_on(figures)
    if "auc" in figures:
        figures["auc_interval_by_group"] = interval(roc_auc, truth, scored.scores, clusters=scored.groups)
    if scored.folds is not None:
        figures["auc_by_fold"] = _by_fold(scored, scored.folds)
    if thresholds is not None:
        figures["verdicts"] = verdicts_of(scored, thresholds)
    figures["sources"] = _by_source(scored)
    for name, bands in scored.bands.items():
        figures[name] = {band: _band_figures(scored, bands, band) for band in sorted(set(bands), key=band_key)}
    return figures


def notes_on(figures: Mapping[str, Any]) -> list[str]:
    """What so many examples cannot show, in words."""
    real, fake = figures["real"], figures["fake"]
    if not real or not fake:
        return [f"only {'fake' if fake else 'real'} examples: nothing that compares the two classes can be measured"]
    notes = []
    if real < EXAMPLES_FOR_ONE_PER_CENT:
        notes.append(f"1 % of false alarms needs {EXAMPLES_FOR_ONE_PER_CENT} real examples, here are {real}: left out")
    if real < EXAMPLES_FOR_FIVE_PER_CENT:
        notes.append(f"5 % of {real} real examples are {real * 0.05:.3g} of them: the figure is coarse")
    if figures["clusters"] < FEW_CLUSTERS:
        notes.append(
            f"{figures['clusters']} files or groups of files that share persons or footage: intervals are rough"
        )
    return notes


def verdicts_of(scored: Scored, thresholds: Mapping[str, Any]) -> dict[str, Any]:
    """How many real and fake examples are called what, and how often the real ones wrongly, with intervals."""
    called = np.digitize(scored.scores, [thresholds["real_below"], thresholds["fake_from"]])
    is_fake = scored.truth > 0.5
    counts = {
        label: {verdict: int((called[chosen] == place).sum()) for place, verdict in enumerate(VERDICTS)}
        for label, chosen in (("real", ~is_fake), ("fake", is_fake))
    }
    rates = {
        "real_called_fake": _share(called == 2, scored, ~is_fake),
        "real_not_called_real": _share(called > 0, scored, ~is_fake),
        "fake_called_fake": _share(called == 2, scored, is_fake),
        "fake_called_real": _share(called == 0, scored, is_fake),
    }
    kept = {name: thresholds[name] for name in ("real_below", "fake_from")}
    return {"thresholds": kept, "counts": counts, "rates": {name: rate for name, rate in rates.items() if rate}}


def _share(hit: NDArray[np.bool_], scored: Scored, chosen: NDArray[np.bool_]) -> dict[str, Any] | None:
    if not chosen.any():
        return None
    values = hit[chosen].astype(np.float64)
    around = mean_interval(values, clusters=scored.clusters[chosen])
    if values.mean() in (0.0, 1.0):
        # A bootstrap of equal values has no width; a rate of 0 of n may still be 3 / n.
        bound = min(1.0, 3 / len(values))
        around = (0.0, bound) if values.mean() == 0 else (1 - bound, 1.0)
    return {"share": float(values.mean()), "interval": around}


def _by_source(scored: Scored) -> dict[str, Any]:
    """The mean score of each source and its side, and how well it ranks against the whole other class."""
    names = np.array([f"{item.label} {item.source}" for item in scored.items])
    truth = scored.truth
    found: dict[str, Any] = {}
    for name in sorted(set(names.tolist())):
        here = names == name
        is_fake = bool(truth[here][0])
        compared = here | (truth != truth[here][0])
        mean = float(scored.scores[here].mean())
        found[name] = {
            "examples": int(here.sum()),
            "mean_score": mean,
            "mean_score_interval": mean_interval(scored.scores[here], clusters=scored.clusters[here]),
            "is_right_side": (mean >= CALLED_FAKE_FROM) == is_fake,
            "called_right": float(((scored.scores[here] >= CALLED_FAKE_FROM) == is_fake).mean()),
            "auc_against_other_class": roc_auc(truth[compared], scored.scores[compared]),
        }
    return found


def _band_figures(scored: Scored, bands: Sequence[str], band: str) -> dict[str, Any]:
    part = scored.take(np.array(bands) == band)
    truth = part.truth
    found: dict[str, Any] = {"real": int((truth == 0).sum()), "fake": int((truth == 1).sum())}
    for label, value in (("real", 0.0), ("fake", 1.0)):
        if found[label]:
            found[f"mean_score_{label}"] = float(part.scores[truth == value].mean())
            found[f"{label}_called_right"] = float(
                ((part.scores[truth == value] >= CALLED_FAKE_FROM) == bool(value)).mean()
            )
    if found["real"] and found["fake"]:
        found["auc"] = roc_auc(truth, part.scores)
        found["auc_interval"] = _auc_interval(part)
    return found


def _auc_interval(part: Scored) -> Interval:
    return interval(roc_auc, part.truth, part.scores, clusters=part.clusters, rounds=BAND_ROUNDS)


def _by_fold(scored: Scored, folds: Rows) -> dict[str, float]:
    truth = scored.truth
    chosen: dict[str, NDArray[np.bool_]] = {str(fold): folds == fold for fold in sorted(set(folds.tolist()))}
    return {
        fold: roc_auc(truth[here], scored.scores[here])
        for fold, here in chosen.items()
        if len(np.unique(truth[here])) == 2
    }
