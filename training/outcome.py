"""Makes figures out of held-out logits, and what a manifest says out of a run."""

import dataclasses
import json
from collections import Counter
from typing import Any

from training.bank import Bank
from training.bundle import BundleFacts
from training.checkpoints import CurvePoint
from training.crossvalidate import HeldOut
from training.figures import Fitted, fit_all, judged_of, measure_all
from training.fitting_network import FreshNetwork
from training.material import Material, fingerprint
from training.metrics import rounded
from training.options import TrainOptions
from training.quality import bands_of
from training.weights import sha256_of


def measure_run(
    options: TrainOptions, material: Material, bank: Bank, held_out: HeldOut
) -> tuple[dict[str, Any], Fitted]:
    """The figures of the held-out views, and the calibrations and thresholds that a bundle carries."""
    bands = bands_of(material.pairs)
    judged = judged_of(bank, held_out, material.items, material.groups, bands=bands)
    only = [1] if material.has_split else None
    metrics = {"protocol": _protocol(options, material), "clean": measure_all(judged, only=only)}
    degraded = judged_of(bank, held_out, material.items, material.groups, kind="degraded", bands=bands)
    if len(degraded.places):
        metrics["degraded"] = measure_all(degraded, only=only)
    return dict(rounded(metrics)), fit_all(judged)


def facts_of(
    options: TrainOptions,
    material: Material,
    start: FreshNetwork,
    fitted: Fitted,
    metrics: dict[str, Any],
    curves: list[CurvePoint],
) -> BundleFacts:
    """What the manifest says beside the networks."""
    learnt = [item for item in material.items if item.source not in options.measured_only]
    return BundleFacts(
        name=options.name,
        version=options.version,
        input_size_px=options.size_px,
        calibrations=fitted.calibrations,
        thresholds=fitted.thresholds,
        training={
            **start.backbone.facts(),
            "residual": options.residual,
            "contrast": options.contrast,
            "weights_sha256": sha256_of(options.weights) if options.weights is not None else None,
            "fingerprint": fingerprint(material.pairs),
            "sources": dict(sorted(Counter(f"{item.label} {item.source}" for item in learnt).items())),
            "measured_only": list(options.measured_only),
            "folds": _members(material),
            "frames": options.frames,
            "views": dataclasses.asdict(options.views),
            "recipe": dataclasses.asdict(options.recipe),
            "curves": rounded([dataclasses.asdict(point) for point in curves], 6),
            "skipped": len(material.skipped),
        },
        metrics=metrics,
        normalisation=start.backbone.normalisation,
    )


def write_figures(options: TrainOptions, facts: BundleFacts) -> None:
    """Writes what a manifest would say, where no bundle is made."""
    options.output.mkdir(parents=True, exist_ok=True)
    content = {"training": facts.training, "metrics": facts.metrics}
    (options.output / "figures.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _members(material: Material) -> dict[str, list[str]]:
    members: dict[str, set[str]] = {}
    for item, fold in zip(material.items, material.folds, strict=True):
        members.setdefault(str(fold), set()).add(f"{item.label} {item.source}")
    return {fold: sorted(found) for fold, found in sorted(members.items())}


def _protocol(options: TrainOptions, material: Material) -> str:
    if material.has_split:
        return "one fit on the training part; figures of the test part, calibrated on the other held-out part"
    dealt = "each source a fold" if options.leave_one_out else f"{max(material.folds) + 1} folds by source and identity"
    return (
        f"{dealt}: each picture and video is judged by a network that saw"
        " nothing of its group, and calibrated on the other folds; the network that is kept learnt by the"
        " same recipe from all folds"
    )
