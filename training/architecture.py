"""Puts normalisation before a backbone and a head behind it: a class activation map beside the logit.

The logit is the mean of the map over its positions, because pooling and the dense layer are both linear (Zhou
et al., "Learning Deep Features for Discriminative Localization", CVPR 2016).
"""

from typing import Any

import keras

from training.backbones.backbone import Backbone
from training.backbones.catalogue import build_backbone
from training.backbones.normalisation import Normalisation

__all__ = ["assemble", "attach_head", "build_backbone", "build_classifier", "build_top", "normalise", "split_backbone"]


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


def split_backbone(backbone: Backbone) -> tuple[keras.Model, keras.Model]:
    """The frozen trunk (pixels 0..255, normalised inside, to middle features) and the top (to last features)."""
    network = backbone.network
    middle = network.get_layer(backbone.stages[len(backbone.stages) // 2]).output
    lower = keras.Model(network.inputs[0], middle, name="lower")
    top = keras.Model(middle, network.outputs[0], name="top")
    pixels = keras.Input(network.inputs[0].shape[1:], name="pixels")
    return keras.Model(pixels, lower(normalise(pixels, backbone.normalisation)), name="trunk"), top


def build_top(top: keras.Model, *, dropout: float = 0.0) -> keras.Model:
    """The trainable part alone: middle features in, logit (n, 1) out."""
    middle = keras.Input(top.inputs[0].shape[1:], name="middle")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(attach_head(top(middle), dropout=dropout))
    return keras.Model(middle, pooled, name="trainable")


def assemble(trunk: keras.Model, trainable: keras.Model, *, size_px: int) -> keras.Model:
    """The whole network out of both parts; outputs as of `build_classifier`."""
    pixels = keras.Input((size_px, size_px, 3), name="pixels")
    features = trainable.get_layer("top")(trunk(pixels))
    return _with_outputs(pixels, trainable.get_layer("head")(features))


def _with_outputs(pixels: Any, by_place: Any) -> keras.Model:
    height, width = by_place.shape[1:3]
    heat_map = keras.layers.Reshape((height, width), dtype="float32", name="heat_map")(by_place)
    logit = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logit")(by_place)
    return keras.Model(pixels, {"logit": logit, "heat_map": heat_map}, name="classifier")
