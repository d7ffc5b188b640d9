"""Trains a classifier from labelled material, from files to a bundle with figures of held-out sources."""

import dataclasses
import json
from collections import Counter
from typing import Any

import keras
import numpy as np

from training.augmentation import DEFAULT_DEGRADATION
from training.bank import Bank, fill_bank
from training.blending import DEFAULT_BLENDING
from training.bundle import BundleFacts, write_bundle
from training.card import write_card
from training.checkpoints import CurvePoint, RunDirectory
from training.crossvalidate import Dealt, HeldOut, judge_held_out, set_validation_aside
from training.dataset import Item
from training.errors import TrainingError
from training.figures import Fitted, fit_all, judged_of, measure_all
from training.fitting import Fitter, final_weights
from training.fitting_network import FreshNetwork, NetworkPlan, build_network, choose_precision, pooled_features_of
from training.material import Material, fingerprint, gather, tell_tenths
from training.metrics import rounded
from training.options import Say, TrainOptions
from training.pace import Pace, duration_words, names_of_folds
from training.weights import sha256_of

# Enough crops to meet every kind of content, few enough to be judged twice in a second or two.
PARITY_CROPS = 32
KEPT = "kept"
"""The name of the fit whose network the bundle carries."""


def train_classifier(options: TrainOptions, *, say: Say) -> dict[str, Any]:
    """Runs everything and writes the bundle (or, without one, the figures); takes up a run that was interrupted.

    Returns:
        the figures as they stand in the manifest.

    Raises:
        TrainingError: the material or an option does not allow the run.
    """
    material = gather(options, say=say)
    plan = NetworkPlan(options.backbone, options.weights, options.weights_style, options.size_px)
    start = build_network(plan, recipe=options.recipe)
    run = RunDirectory.open(options.cache / "runs", shape_of(options, material), is_fresh=options.is_fresh)
    bank = fill_bank(
        material.pairs,
        pooled_features_of(start.classifier),
        plan=options.views,
        directory=options.cache / "features",
        on_progress=tell_tenths(say, "views"),
    )
    dealt = material.dealt(options.measured_only)
    pace = _expect(options, material, bank, dealt, run, say=say)

    def tell(point: CurvePoint) -> None:
        pace.epoch_done(point.run)
        say(epoch_line(point, options.recipe.epochs, pace.remaining_s))

    fitter = Fitter(plan, material.pairs, bank, options.recipe, options.matched, tell, options.on_step)
    held_out, curves, kept = _fit(options, material, fitter, dealt, run, say=say)
    metrics, fitted = _measure(options, material, bank, held_out)
    facts = _facts_of(options, material, start, fitted, metrics, curves)
    if kept is None:
        write_figures(options, facts)
        say(f"figures written to {options.output / 'figures.json'}")
        return dict(facts.metrics)
    start.classifier.set_weights(kept)
    crops = _parity_crops(material)
    gap = write_bundle(options.output, start.classifier, facts, card=write_card(facts, material.items), crops=crops)
    say(f"bundle written to {options.output}; Keras and OpenVINO differ by {gap:.1e} on {len(crops)} faces")
    return dict(facts.metrics)


def shape_of(options: TrainOptions, material: Material) -> dict[str, Any]:
    """Everything that decides what a run gives, as JSON: another value of it is another run."""
    items = [
        [faces.sha256, len(faces.crops), item.label, item.source, *item.identities, *_review_of(item)]
        for item, faces in material.pairs
    ]
    recipe = dataclasses.asdict(options.recipe)
    if not any(item.is_reviewed for item in material.items):
        del recipe["replay"]
    return {
        "items": items,
        "groups": material.groups,
        "folds": material.folds,
        "roles": material.roles,
        "measured_only": sorted(options.measured_only),
        "matched": options.matched,
        "backbone": options.backbone,
        "weights": None if options.weights is None else sha256_of(options.weights),
        "weights_style": options.weights_style,
        "size_px": options.size_px,
        "views": dataclasses.asdict(options.views),
        "drawing": [dataclasses.asdict(DEFAULT_DEGRADATION), dataclasses.asdict(DEFAULT_BLENDING)],
        "recipe": recipe,
        "precision": choose_precision(options.recipe.precision),
        "keras": f"{keras.__version__} {keras.backend.backend()}",
    }


def epoch_line(point: CurvePoint, epochs: int, remaining_s: float | None) -> str:
    """An epoch in words."""
    auc = "" if point.validation_auc is None else f", validation AUC {point.validation_auc:.3f}"
    left = "" if remaining_s is None else f"; the whole run: {duration_words(remaining_s)} left"
    return (
        f"{point.run}, epoch {point.epoch} of {epochs}: loss {point.loss:.4f}{auc}, rate {point.rate:.1e},"
        f" {point.seconds:.0f} s{left}"
    )


def write_figures(options: TrainOptions, facts: BundleFacts) -> None:
    """Writes what a manifest would say, where no bundle is made."""
    options.output.mkdir(parents=True, exist_ok=True)
    content = {"training": facts.training, "metrics": facts.metrics}
    (options.output / "figures.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _review_of(item: Item) -> list[float]:
    return [item.weight] if item.is_reviewed else []


def _expect(
    options: TrainOptions, material: Material, bank: Bank, dealt: Dealt, run: RunDirectory, *, say: Say
) -> Pace:
    """Foretells the run, and says where an interrupted one goes on."""
    recipe = options.recipe
    is_validated = recipe.validation_share > 0 or material.has_split
    pace = Pace(recipe, validated=recipe.validation_rows if is_validated else 0)
    folds = [] if material.has_split else names_of_folds(dealt.count)
    rows = Counter(np.asarray(dealt.folds)[bank.items].tolist())
    done: list[str] = []
    for number, name in enumerate([*folds, *([KEPT] if options.makes_bundle or material.has_split else [])]):
        place = run.place_of(name)
        if place.load_result() is not None:
            done.append(f"{name} is done")
            continue
        state = place.load_state()
        epochs = 0 if state is None else len(state.curve)
        if epochs:
            done.append(f"{name} stands after epoch {epochs} of {recipe.epochs}")
        pace.expect(name, epochs_done=epochs, judged_after=rows[number] if name != KEPT else 0)
    if done:
        say(f"going on with an earlier run in {run.directory}: {', '.join(done)} (--fresh starts over)")
    return pace


def _fit(
    options: TrainOptions, material: Material, fitter: Fitter, dealt: Dealt, run: RunDirectory, *, say: Say
) -> tuple[HeldOut, list[CurvePoint], list[Any] | None]:
    """The held-out logits, all curves, and the weights of the network that is kept (None where none is wanted)."""
    if material.has_split:
        return _fit_split(options, material, fitter, run)
    held_out, curves = judge_held_out(fitter, dealt, run)
    if not options.makes_bundle:
        return held_out, curves, None
    say("the figures are done; now the network that is kept, on everything")
    place = run.place_of(KEPT)
    result = place.load_result()
    if result is None:
        learning, validation = set_validation_aside(dealt, dealt.learning_of(None), options.recipe.validation_share)
        network, curve = fitter.fit(KEPT, learning, validation=validation, place=place)
        result = final_weights(network), curve
        place.save_result(*result)
    return held_out, [*curves, *result[1]], result[0]


def _fit_split(
    options: TrainOptions, material: Material, fitter: Fitter, run: RunDirectory
) -> tuple[HeldOut, list[CurvePoint], list[Any]]:
    """One fit on the training part, stopped by the validation part, judged on calibration and test."""
    bank = fitter.bank
    roles = np.array([role or "train" for role in material.roles])
    by_row = roles[bank.items]
    asked = ("calibration", "test") if (roles == "calibration").any() else ("validation", "test")
    rows = np.flatnonzero(np.isin(by_row, asked))
    for part in asked:
        if len(set(bank.targets[by_row == part].tolist())) != 2:
            raise TrainingError(f"the split has no {part} part with real and fake faces: add one, or name no splits")
    barred = np.array([item.source in options.measured_only for item in material.items])
    learning, validation = np.flatnonzero((roles == "train") & ~barred), np.flatnonzero(roles == "validation")
    is_judged = len(set(bank.targets[by_row == "validation"].tolist())) == 2
    place = run.place_of(KEPT)
    result = place.load_result()
    if result is None:
        network, curve = fitter.fit(KEPT, learning, validation=validation if is_judged else None, place=place)
        result = [fitter.judge(network, rows), *final_weights(network)], curve
        place.save_result(*result)
    logits, *weights = result[0]
    return HeldOut(rows, logits, (by_row[rows] == "test").astype(np.int64)), result[1], weights


def _measure(options: TrainOptions, material: Material, bank: Bank, held_out: HeldOut) -> tuple[dict[str, Any], Fitted]:
    judged = judged_of(bank, held_out, material.items, material.groups)
    only = [1] if material.has_split else None
    metrics = {"protocol": _protocol(options, material), "clean": measure_all(judged, only=only)}
    degraded = judged_of(bank, held_out, material.items, material.groups, kind="degraded")
    if len(degraded.places):
        metrics["degraded"] = measure_all(degraded, only=only)
    return dict(rounded(metrics)), fit_all(judged)


def _facts_of(
    options: TrainOptions,
    material: Material,
    start: FreshNetwork,
    fitted: Fitted,
    metrics: dict[str, Any],
    curves: list[CurvePoint],
) -> BundleFacts:
    learnt = [item for item in material.items if item.source not in options.measured_only]
    return BundleFacts(
        name=options.name,
        version=options.version,
        input_size_px=options.size_px,
        calibrations=fitted.calibrations,
        thresholds=fitted.thresholds,
        training={
            **start.backbone.facts(),
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


def _parity_crops(material: Material) -> Any:
    step = max(1, len(material.pairs) // PARITY_CROPS)
    return np.stack([faces.crops[0] for _, faces in material.pairs[::step][:PARITY_CROPS]])
