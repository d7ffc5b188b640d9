"""Puts normalisation before a backbone and a head behind it: a class activation map beside the logit.

The logit is the mean of the map over its positions, because pooling and the dense layer are both linear (Zhou
et al., "Learning Deep Features for Discriminative Localization", CVPR 2016).
"""

from typing import Any

import keras

from training.backbones.backbone import Backbone
from training.backbones.catalogue import build_backbone
from training.backbones.normalisation import Normalisation

__all__ = ["attach_head", "build_backbone", "build_classifier", "normalise"]


def normalise(pixels: Any, normalisation: Normalisation) -> Any:
    """Pixels 0..255 as the backbone wants them."""
    mean = [value * normalisation.scale for value in normalisation.mean]
    variance = [(value * normalisation.scale) ** 2 for value in normalisation.std]
    # In half precision 255 levels would lose their last bit.
    return keras.layers.Normalization(mean=mean, variance=variance, dtype="float32", name="normalise")(pixels)


def build_classifier(backbone: Backbone, *, dropout: float = 0.0) -> keras.Model:
    """The whole network, trainable from pixels: 0..255 in, {"logit": (n, 1), "heat_map": (n, h', w')} out.

    It holds `backbone.network` itself, as the layer "backbone": what is frozen or trained there, is so here.
    """
    backbone.network.name = "backbone"
    pixels = keras.Input(backbone.network.inputs[0].shape[1:], name="pixels")
    features = backbone.network(normalise(pixels, backbone.normalisation))
    return _with_outputs(pixels, attach_head(features, dropout=dropout))


def attach_head(features: Any, *, dropout: float) -> Any:
    """The map of the fake class over the positions of the last features: (n, h, w, 1), without sigmoid."""
    kept = keras.layers.SpatialDropout2D(dropout, name="drop_features")(features)
    return keras.layers.Conv2D(1, 1, dtype="float32", name="head")(kept)


def _with_outputs(pixels: Any, by_place: Any) -> keras.Model:
    height, width = by_place.shape[1:3]
    heat_map = keras.layers.Reshape((height, width), dtype="float32", name="heat_map")(by_place)
    logit = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logit")(by_place)
    return keras.Model(pixels, {"logit": logit, "heat_map": heat_map}, name="classifier")
