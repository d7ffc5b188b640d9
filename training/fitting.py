"""Fits a classifier: a dense head on frozen features first, then the upper stages from pixels at a lower rate."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from training.augmentation import DEFAULT_DEGRADATION
from training.bank import Bank
from training.checkpoints import CurvePoint, FitPlace, FitState
from training.couples import CoupleDrawer
from training.donors import Donors
from training.feeding import DrawnFaces, Material, stream_pixels
from training.fitting_head import fit_head
from training.fitting_network import (
    FreshNetwork,
    NetworkPlan,
    assign_values,
    build_network,
    choose_precision,
    freeze,
    logits_of,
    rate_factors,
    values_of,
)
from training.fitting_optimizer import make_optimizer
from training.fitting_watch import EpochWatch, Judge
from training.recipe import Recipe
from training.views import Drawing

Rows = NDArray[np.int64]
OnEpoch = Callable[[CurvePoint], None]


@dataclass(frozen=True)
class Fitter:
    """Fits networks of one plan by one recipe on parts of one material.

    Args:
        plan: what each network starts as.
        material: items with their faces.
        bank: the views of every face that are judged, with their features.
        recipe: how.
        matched: pairs of sources that belong together.
        on_epoch: is told after each epoch of phase 2.
        on_step: is told the steps done and the steps in all of an epoch.
    """

    plan: NetworkPlan
    material: Material
    bank: Bank
    recipe: Recipe
    matched: tuple[tuple[str, str], ...] = ()
    on_epoch: OnEpoch | None = None
    on_step: Callable[[int, int], None] | None = None

    def fit(
        self, name: str, learning: Rows, *, validation: Rows | None = None, place: FitPlace | None = None
    ) -> tuple[keras.Model, list[CurvePoint]]:
        """A fitted classifier (pixels in, logit and heat map out) and its curve.

        Args:
            name: of the fit, in its curve.
            learning: places of the items to learn from.
            validation: places of items of other groups; the epoch with the best AUC on their views is kept.
            place: where the state is kept after each epoch, and where an earlier one is taken up.
        """
        keras.utils.clear_session(free_memory=True)
        network = build_network(self.plan, recipe=self.recipe, precision=choose_precision(self.recipe.precision))
        state = place.load_state() if place is not None else None
        if state is None:
            self._start_head(network.classifier, learning)
        curve = self._fine_tune(name, network, learning, validation, place, state) if self.recipe.epochs else []
        return network.classifier, curve

    def judge(self, classifier: keras.Model, rows: Rows) -> NDArray[np.float64]:
        """The logits of some rows of the bank, drawn again from pixels where the features may have changed."""
        if self.recipe.epochs == 0:
            # The head is linear in the mean of the features, which the bank has.
            kernel, bias = classifier.get_layer("head").get_weights()
            return np.asarray(self.bank.pooled[rows] @ kernel.reshape(-1) + bias[0], np.float64)
        views = [self.bank.views[row] for row in rows.tolist()]
        logits = logits_of(classifier)
        parts = [
            np.asarray(keras.ops.convert_to_numpy(logits.predict_on_batch(pixels.astype(np.float32))))[:, 0]
            for pixels in stream_pixels(self.material, views, seed=self.bank.seed)
        ]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def _start_head(self, classifier: keras.Model, learning: Rows) -> None:
        if self.recipe.head_steps == 0:
            return
        rows = np.flatnonzero(np.isin(self.bank.items, learning))
        sources = np.array([item.source for item, _ in self.material])[self.bank.items]
        shares = (1.0, self.recipe.head_contrast) if self.plan.contrast else (1.0,)
        kernel, bias = fit_head(self.bank, rows, sources, recipe=self.recipe, shares=shares)
        classifier.get_layer("head").set_weights([kernel.reshape(1, 1, -1, 1), bias])

    def _fine_tune(
        self,
        name: str,
        network: FreshNetwork,
        learning: Rows,
        validation: Rows | None,
        place: FitPlace | None,
        state: FitState | None,
    ) -> list[CurvePoint]:
        recipe = self.recipe
        drawer = CoupleDrawer(self.material, learning, recipe=recipe, matched=self.matched)
        freeze(network, recipe=recipe)
        learner = logits_of(network.classifier)
        optimizer = make_optimizer(recipe, rate_factors(network, recipe=recipe))
        # XLA takes a minute to compile on a CPU and is then several times slower with depthwise convolutions.
        learner.compile(
            optimizer,
            keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.smoothing),
            jit_compile=False,
        )
        learner.optimizer.build(learner.trainable_variables)
        state = state or FitState()
        if state.network:
            assign_values(learner.variables, state.network)
            assign_values(learner.optimizer.variables, state.optimizer)
        judge = None if validation is None else self._judge_of(network.classifier, validation)
        watch = EpochWatch(name, state, recipe, judge=judge, place=place, on_epoch=self.on_epoch, on_step=self.on_step)
        faces = DrawnFaces(
            self.material,
            drawer,
            recipe=recipe,
            drawing=drawing_of(self.material, learning, recipe),
            first_epoch=len(state.curve),
        )
        try:
            if not watch.is_over:
                learner.fit(
                    faces,
                    epochs=recipe.epochs,
                    initial_epoch=len(state.curve),
                    verbose=0,
                    shuffle=False,
                    callbacks=[watch],
                )
        finally:
            faces.close()
        watch.keep_best(learner)
        return state.curve

    def _judge_of(self, classifier: keras.Model, validation: Rows) -> Judge:
        """Judges the validation part with the network as it then is: targets and logits."""
        rows = np.flatnonzero(np.isin(self.bank.items, validation) & self.bank.is_first)
        rows = rows[:: max(1, -(-len(rows) // self.recipe.validation_rows))]

        def judge() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
            return self.bank.targets[rows], self.judge(classifier, rows)

        return judge


def drawing_of(material: Material, learning: Rows, recipe: Recipe) -> Drawing:
    """How the views of a fit are drawn; faces to blend with come from what it learns from."""
    return Drawing(
        degradation=DEFAULT_DEGRADATION.without(*recipe.without),
        degraded_share=recipe.degraded_share,
        donors=Donors(material, learning.tolist()) if recipe.crossed_share else None,
    )


def final_weights(classifier: keras.Model) -> list[NDArray[np.float32]]:
    """The weights of a fitted classifier, to be put into one of another precision."""
    return values_of(classifier.weights)
