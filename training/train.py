"""Trains a classifier from labelled material, from files to a bundle with figures of held-out sources."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

from training.augmentation import DEFAULT_DEGRADATION
from training.bank import Bank, fill_bank
from training.bundle import BundleFacts, write_bundle
from training.card import write_card
from training.checkpoints import CurvePoint, RunDirectory
from training.crossvalidate import Dealt, HeldOut, judge_held_out, set_validation_aside
from training.errors import TrainingError
from training.fitting import Fitter, final_weights
from training.fitting_network import FreshNetwork, NetworkPlan, build_network, pooled_features_of
from training.material import Material, gather, tell_tenths
from training.options import Say, TrainOptions
from training.outcome import facts_of, measure_run, write_figures
from training.pace import Pace, epoch_line, fold_line, names_of_folds
from training.run_log import RunLog
from training.run_shape import shape_of

# Half of them set the ranges of int8, half measure what it does to the scores.
SHOWN_CROPS = 600
KEPT = "kept"
"""The name of the fit whose network the bundle carries."""


def train_classifier(options: TrainOptions, *, say: Say) -> dict[str, Any]:
    """Runs everything and writes the bundle (or, without one, the figures); takes up a run that was interrupted.

    Returns:
        the figures as they stand in the manifest.

    Raises:
        TrainingError: the material or an option does not allow the run.
    """
    # A misspelt step shall not be found after an hour of cutting faces.
    DEFAULT_DEGRADATION.without(*options.recipe.without)
    log = RunLog(say)
    material = gather(options, say=log)
    plan = NetworkPlan(
        options.backbone,
        options.weights,
        options.weights_style,
        options.size_px,
        residual=options.residual,
        contrast=options.contrast,
    )
    start = build_network(plan, recipe=options.recipe)
    shape = shape_of(options, material)
    with closing(RunDirectory.open(options.cache / "runs", shape, is_fresh=options.is_fresh)) as run:
        log.keep_in(run.directory)
        facts, kept = _learn(options, material, plan, start, run, say=log)
        if kept is None:
            write_figures(options, facts)
            log(f"figures written to {options.output / 'figures.json'}")
        else:
            start.classifier.set_weights(kept)
            crops, card = _shown_crops(material), write_card(facts, material.items)
            gap = write_bundle(options.output, start.classifier, facts, card=card, crops=crops)
            log(f"bundle written to {options.output}; Keras and OpenVINO differ by {gap:.1e}")
        log.copy_to(options.output)
    return dict(facts.metrics)


def _learn(
    options: TrainOptions, material: Material, plan: NetworkPlan, start: FreshNetwork, run: RunDirectory, *, say: Say
) -> tuple[BundleFacts, list[Any] | None]:
    """What the manifest will say, and the weights of the network that is kept (None where none is wanted)."""
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

    def tell_fold(name: str, auc: float) -> None:
        pace.fit_done(name)
        say(fold_line(name, dealt.count, auc, pace.remaining_s))

    fitter = Fitter(plan, material.pairs, bank, options.recipe, options.matched, tell, options.on_step)
    held_out, curves, kept = _fit(options, material, fitter, dealt, run, say=say, on_fold=tell_fold)
    metrics, fitted = measure_run(options, material, bank, held_out)
    return facts_of(options, material, start, fitted, metrics, curves), kept


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
    options: TrainOptions,
    material: Material,
    fitter: Fitter,
    dealt: Dealt,
    run: RunDirectory,
    *,
    say: Say,
    on_fold: Callable[[str, float], None],
) -> tuple[HeldOut, list[CurvePoint], list[Any] | None]:
    """The held-out logits, all curves, and the weights of the network that is kept (None where none is wanted)."""
    if material.has_split:
        return _fit_split(options, material, fitter, run)
    held_out, curves = judge_held_out(fitter, dealt, run, on_fold=on_fold)
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


def _shown_crops(material: Material) -> Any:
    step = max(1, len(material.pairs) // SHOWN_CROPS)
    return np.stack([faces.crops[0] for _, faces in material.pairs[::step][:SHOWN_CROPS]])
