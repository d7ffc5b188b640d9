"""Trains a classifier from labelled material, from files to a bundle with figures of held-out sources."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.architecture import assemble, build_backbone, split_backbone
from training.bank import Bank, fill_bank
from training.bundle import BundleFacts, write_bundle
from training.card import write_card
from training.crops import FaceCutter, FaceSet, Skipped, cut_all
from training.crossvalidate import HeldOut, judge_held_out
from training.dataset import Item, discover_items
from training.errors import TrainingError
from training.figures import Fitted, fit_all, judged_of, measure_all
from training.fitting import EpochReport, fit_top, predict_rows
from training.grouping import assign_folds, duplicate_pairs, group_items
from training.metrics import rounded
from training.options import Say, TrainOptions
from worker.pipeline.faces import FaceDetector

# Enough crops to meet every kind of content, few enough to be judged twice in a second or two.
PARITY_CROPS = 32


@dataclass(frozen=True)
class Material:
    """The usable items with their faces, grouped and dealt into folds.

    Args:
        pairs: each item with its faces.
        groups: what must not be torn apart, by number.
        folds: the fold of each item; with a split of the material's own 0 is calibration and 1 test.
        roles: "train", "validation", "calibration" or "test" of each item where the material says so, else None.
        skipped: files that could not be used.
    """

    pairs: list[tuple[Item, FaceSet]]
    groups: list[int]
    folds: list[int]
    roles: list[str | None]
    skipped: list[Skipped]

    @property
    def items(self) -> list[Item]:
        """The items without their faces."""
        return [item for item, _ in self.pairs]

    @property
    def has_split(self) -> bool:
        """Whether the material brings its own split."""
        return any(role is not None for role in self.roles)


def train_classifier(options: TrainOptions, *, say: Say) -> dict[str, Any]:
    """Runs everything and writes the bundle.

    Returns:
        the figures as they stand in the manifest.

    Raises:
        TrainingError: the material or an option does not allow the run.
    """
    material = gather(options, say=say)
    keras.utils.set_random_seed(options.recipe.seed)
    backbone = build_backbone(options.backbone, weights=options.weights, size_px=options.size_px)
    trunk, top = split_backbone(backbone)
    bank = fill_bank(
        material.pairs,
        trunk,
        top,
        plan=options.views,
        directory=options.cache / "features",
        on_progress=_progress(say, "views"),
    )
    held_out, network = _fit(options, material, bank, top, say=say)
    judged = judged_of(bank, held_out, material.items, material.groups)
    fitted = fit_all(judged)
    only = [1] if material.has_split else None
    metrics = {"protocol": _protocol(options, material), "clean": measure_all(judged, only=only)}
    degraded = judged_of(bank, held_out, material.items, material.groups, kind="degraded")
    if len(degraded.places):
        metrics["degraded"] = measure_all(degraded, only=only)
    classifier = assemble(trunk, network, size_px=options.size_px)
    facts = _facts_of(options, material, fitted, rounded(metrics))
    crops = _parity_crops(material)
    gap = write_bundle(options.output, classifier, facts, card=write_card(facts, material.items), crops=crops)
    say(f"bundle written to {options.output}; Keras and OpenVINO differ by {gap:.1e} on {len(crops)} faces")
    return dict(facts.metrics)


def gather(options: TrainOptions, *, say: Say) -> Material:
    """Discovers the items, cuts their faces, and decides what is held out with what."""
    items: list[Item] = []
    for root in options.roots:
        items += discover_items(root, exclude_sources=options.excluded)
    say(f"{len(items)} files found: {_counts(items)}")
    cutter = FaceCutter(
        FaceDetector(options.detector, threads=2),
        options.cache / "faces",
        frames=options.frames,
        size_px=options.size_px,
    )
    progress = _progress(say, "files")
    pairs, skipped = cut_all(items, cutter, on_progress=lambda done, of: progress(done, of, 0.0))
    for skip in skipped:
        say(f"skipped {skip.path}: {skip.why}")
    usable = [item for item, _ in pairs]
    duplicates = duplicate_pairs([faces.thumbprint for _, faces in pairs])
    groups = group_items(usable, duplicates, matched=options.matched)
    roles = [item.split for item in usable]
    if any(roles):
        folds = [{"test": 1}.get(role or "", 0) for role in roles]
        pairs, groups, folds, roles = _without_leaks(pairs, groups, folds, roles, say=say)
    else:
        folds = assign_folds(usable, groups, folds=options.folds)
    say(f"{len(pairs)} files with faces in {len(set(groups))} groups, {len(duplicates)} near-duplicate pairs")
    return Material(pairs, groups, folds, roles, skipped)


def _without_leaks(
    pairs: list[tuple[Item, FaceSet]], groups: list[int], folds: list[int], roles: list[str | None], *, say: Say
) -> tuple[list[tuple[Item, FaceSet]], list[int], list[int], list[str | None]]:
    """Drops from the training part what shows an identity or a near-duplicate of another part.

    A split of the material's own may put one source on both sides, so only identities and duplicates count here.
    """
    items = [dataclasses.replace(item, source=f"file {n}") for n, (item, _) in enumerate(pairs)]
    linked = group_items(items, duplicate_pairs([faces.thumbprint for _, faces in pairs]))
    elsewhere = {group for group, role in zip(linked, roles, strict=True) if role not in (None, "train")}
    kept = [n for n, role in enumerate(roles) if role not in (None, "train") or linked[n] not in elsewhere]
    if len(kept) < len(pairs):
        say(f"left out {len(pairs) - len(kept)} training files that repeat a person or picture of another split")
    return [pairs[n] for n in kept], [groups[n] for n in kept], [folds[n] for n in kept], [roles[n] for n in kept]


def _fit(
    options: TrainOptions, material: Material, bank: Bank, top: keras.Model, *, say: Say
) -> tuple[HeldOut, keras.Model]:
    sources = np.array([item.source for item in material.items])[bank.items]
    barred = [item.source in options.measured_only for item in material.items]
    if material.has_split:
        return _fit_split(options, material, bank, top, sources, barred, say=say)

    def tell(fold: int, report: EpochReport) -> None:
        say(f"fold {fold + 1} of {options.folds}, {_epoch_line(report)}")

    held_out = judge_held_out(
        bank, top, sources, material.folds, recipe=options.recipe, is_measured_only=barred, on_epoch=tell
    )
    learning = np.flatnonzero(~np.array(barred)[bank.items])
    say("the figures are done; now the network that is kept, on everything")
    network = fit_top(
        bank, top, sources, learning, recipe=options.recipe, on_epoch=lambda report: say(_epoch_line(report))
    )
    return held_out, network


def _fit_split(
    options: TrainOptions,
    material: Material,
    bank: Bank,
    top: keras.Model,
    sources: Any,
    barred: Sequence[bool],
    *,
    say: Say,
) -> tuple[HeldOut, keras.Model]:
    """One fit on the training part, stopped by the validation part, judged on calibration and test."""
    roles = np.array([role or "train" for role in material.roles])[bank.items]
    learning = np.flatnonzero((roles == "train") & ~np.array(barred)[bank.items])
    validation = np.flatnonzero((roles == "validation") & (bank.kinds == "clean"))
    network = fit_top(
        bank,
        top,
        sources,
        learning,
        recipe=options.recipe,
        validation=validation if len(set(bank.targets[validation].tolist())) == 2 else None,
        on_epoch=lambda report: say(_epoch_line(report)),
    )
    has_calibration = bool((roles == "calibration").any())
    asked = ("calibration", "test") if has_calibration else ("validation", "test")
    rows = np.flatnonzero(np.isin(roles, asked) & (bank.kinds != "blended"))
    for part in asked:
        if len(set(bank.targets[rows][roles[rows] == part].tolist())) != 2:
            raise TrainingError(f"the split has no {part} part with real and fake faces: add one, or name no splits")
    return HeldOut(rows, predict_rows(network, bank, rows), (roles[rows] == "test").astype(np.int64)), network


def _facts_of(options: TrainOptions, material: Material, fitted: Fitted, metrics: dict[str, Any]) -> BundleFacts:
    learnt = [item for item in material.items if item.source not in options.measured_only]
    return BundleFacts(
        name=options.name,
        version=options.version,
        input_size_px=options.size_px,
        calibrations=fitted.calibrations,
        thresholds=fitted.thresholds,
        training={
            "backbone": options.backbone,
            "weights_sha256": _sha256(options.weights) if options.weights is not None else None,
            "fingerprint": fingerprint(material.pairs),
            "sources": dict(sorted(Counter(f"{item.label} {item.source}" for item in learnt).items())),
            "measured_only": list(options.measured_only),
            "folds": _members(material),
            "frames": options.frames,
            "views": dataclasses.asdict(options.views),
            "recipe": dataclasses.asdict(options.recipe),
            "skipped": len(material.skipped),
        },
        metrics=metrics,
    )


def fingerprint(pairs: Sequence[tuple[Item, FaceSet]]) -> str:
    """A hash of every content with its label, whatever the order and the paths."""
    lines = sorted(f"{faces.sha256} {item.label}" for item, faces in pairs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _members(material: Material) -> dict[str, list[str]]:
    members: dict[str, set[str]] = {}
    for item, fold in zip(material.items, material.folds, strict=True):
        members.setdefault(str(fold), set()).add(f"{item.label} {item.source}")
    return {fold: sorted(found) for fold, found in sorted(members.items())}


def _protocol(options: TrainOptions, material: Material) -> str:
    if material.has_split:
        return "one fit on the training part; figures of the test part, calibrated on the other held-out part"
    return (
        f"{options.folds} folds by source and identity: each picture and video is judged by a network that saw"
        " nothing of its group, and calibrated on the other folds; the network that is kept learnt by the"
        " same recipe from all folds"
    )


def _parity_crops(material: Material) -> Any:
    step = max(1, len(material.pairs) // PARITY_CROPS)
    return np.stack([faces.crops[0] for _, faces in material.pairs[::step][:PARITY_CROPS]])


def _counts(items: Sequence[Item]) -> str:
    counts = Counter(f"{item.label} {item.kind}s" for item in items)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _epoch_line(report: EpochReport) -> str:
    auc = "" if report.validation_auc is None else f", validation AUC {report.validation_auc:.3f}"
    return f"epoch {report.epoch} of {report.epochs}: loss {report.loss:.4f}{auc}, {report.remaining_s:.0f} s left"


def _progress(say: Say, what: str) -> Any:
    """Says every tenth of the way."""
    last = [0]

    def tell(done: int, of: int, seconds: float) -> None:
        tenth = done * 10 // of
        if tenth > last[0]:
            last[0] = tenth
            remaining = f", {seconds * (of - done) / done:.0f} s left" if seconds else ""
            say(f"{done} of {of} {what}{remaining}")

    return tell


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
