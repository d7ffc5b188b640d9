"""Builds the network of a fit, freezes what the recipe freezes, and tells how deep each variable lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.architecture import build_classifier
from training.backbones.backbone import Backbone, layers_above
from training.backbones.catalogue import build_backbone
from training.backbones.contrast import with_contrast
from training.backbones.residuals import with_residuals
from training.fitting_folding import fold_norms
from training.recipe import Recipe


@dataclass(frozen=True)
class NetworkPlan:
    """What a network is built from.

    Args:
        backbone: its name.
        weights: ImageNet weights; None starts from nothing.
        weights_style: whose values an unknown file holds.
        size_px: side of the input.
        residual: whether the branch of noise residuals stands beside the backbone.
        contrast: whether each feature of the face is compared with that of its surroundings.
    """

    backbone: str
    weights: Path | None = None
    weights_style: str | None = None
    size_px: int = 224
    residual: bool = False
    contrast: bool = False


@dataclass(frozen=True)
class FreshNetwork:
    """A network before it learns: the whole classifier, and the backbone within it."""

    classifier: keras.Model
    backbone: Backbone


def build_network(plan: NetworkPlan, *, recipe: Recipe, precision: str = "float32") -> FreshNetwork:
    """Builds the network; the same weights for the same seed.

    Raises:
        TrainingError: an unknown backbone, or weights that do not fit.
    """
    keras.utils.set_random_seed(recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        backbone = build_backbone(
            plan.backbone, weights=plan.weights, size_px=plan.size_px, weights_style=plan.weights_style
        )
        if keeps_norms(backbone, recipe):
            backbone = fold_norms(backbone)
        if plan.residual:
            backbone = with_residuals(backbone)
        if plan.contrast:
            backbone = with_contrast(backbone)
        return FreshNetwork(build_classifier(backbone, dropout=recipe.dropout), backbone)
    finally:
        keras.config.set_dtype_policy(before)


def logits_of(classifier: keras.Model) -> keras.Model:
    """The same network (it shares its layers) with the logit (n, 1) alone."""
    return keras.Model(classifier.input, classifier.output["logit"], name="logits")


def pooled_features_of(classifier: keras.Model) -> keras.Model:
    """The same network up to the last features, averaged over their positions: (n, c)."""
    features = classifier.get_layer("drop_features").input
    return keras.Model(classifier.input, keras.layers.GlobalAveragePooling2D(dtype="float32")(features), name="pooled")


def choose_precision(precision: str) -> str:
    """The dtype policy that a recipe's precision means on this machine."""
    if precision != "auto":
        return precision
    return "mixed_float16" if any(name in place_of_tensors() for name in ("gpu", "cuda")) else "float32"


def place_of_tensors() -> str:
    """The device that Keras puts tensors on, in the backend's own words; keras.distribution cannot say it for torch."""
    return str(getattr(keras.ops.zeros(1), "device", "")).lower()


def keeps_norms(backbone: Backbone, recipe: Recipe) -> bool:
    """Whether batch normalisation stays in inference mode.

    A few thousand faces are too few to learn new statistics from, and a scan has other ones.
    """
    return backbone.is_pretrained if recipe.freeze_norms is None else recipe.freeze_norms


def freeze(network: FreshNetwork, *, recipe: Recipe) -> None:
    """Lets the upper stages learn and nothing else; batch normalisation stays as it is where the recipe says so."""
    backbone = network.backbone
    learning = {layer.name for layer in layers_above(backbone, _blocks(backbone, recipe))}
    keeps = keeps_norms(backbone, recipe)
    for layer in backbone.network.layers:
        is_kept = keeps and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name in learning and not is_kept and layer.name not in backbone.fixed


def rate_factors(network: FreshNetwork, *, recipe: Recipe) -> dict[str, float]:
    """What the rate of each variable is multiplied by, by the variable's path."""
    head = network.classifier.get_layer("head")
    factors = {variable.path: recipe.head_factor for variable in head.variables}
    stages = len(network.backbone.stages)
    # From the bottom up, so that a layer ends with the highest stage that holds it.
    for blocks in range(stages + 1, 0, -1):
        for layer in layers_above(network.backbone, blocks):
            factors |= {variable.path: recipe.stage_decay ** (blocks - 1) for variable in layer.variables}
    return factors


def values_of(variables: list[Any]) -> list[Any]:
    """Copies of variables as arrays, whatever the backend."""
    return [np.array(np.asarray(variable)) for variable in variables]


def assign_values(variables: list[Any], values: list[Any]) -> None:
    """Puts arrays back into variables, in the same order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _blocks(backbone: Backbone, recipe: Recipe) -> int:
    return len(backbone.stages) + 1 if recipe.unfreeze == "all" else int(recipe.unfreeze)
