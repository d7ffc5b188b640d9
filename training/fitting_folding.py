"""Folds frozen batch normalisation into the convolution before it: the same function, a good deal faster to train.

In inference mode batch normalisation is one multiplication and one addition a channel, and so is a convolution's
kernel with its bias (Jacob et al., CVPR 2018, section 3.2). What stands elsewhere, as in DenseNet, stays.
"""

import dataclasses
from collections import defaultdict
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.backbones.backbone import Backbone

_FOLDABLE = ("Conv2D", "DepthwiseConv2D")


def fold_norms(backbone: Backbone) -> Backbone:
    """The same backbone with every batch normalisation that follows a convolution folded into it.

    Names of layers stay; where a norm stood is a layer that does nothing.
    """
    pairs = _pairs_of(backbone.network)
    if not pairs:
        return backbone
    config = backbone.network.get_config()
    for layer in config["layers"]:
        name = layer["config"]["name"]
        if name in pairs.values():
            layer["config"]["use_bias"] = True
        elif name in pairs:
            policy = layer["config"]["dtype"]
            layer["class_name"], layer["module"], layer["registered_name"] = "Activation", "keras.layers", None
            layer["config"] = {"name": name, "trainable": True, "dtype": policy, "activation": "linear"}
            for node in layer["inbound_nodes"]:
                # Batch normalisation takes a mask, an activation does not.
                node["kwargs"].pop("mask", None)
    network = keras.Model.from_config(config)
    _fill(network, backbone.network, pairs)
    return dataclasses.replace(backbone, network=network)


def _pairs_of(network: keras.Model) -> dict[str, str]:
    """The convolution before each norm that can be folded, by name: its output goes there and nowhere else."""
    users: dict[str, list[Any]] = defaultdict(list)
    before: dict[str, str] = {}
    for layer in network.layers:
        for node in layer._inbound_nodes:
            for tensor in node.input_tensors:
                source = tensor._keras_history.operation
                users[source.name].append(layer)
                before[layer.name] = source.name
    outputs = {tensor._keras_history.operation.name for tensor in network.outputs}
    return {
        layer.name: before[layer.name]
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and type(network.get_layer(before[layer.name])).__name__ in _FOLDABLE
        and len(users[before[layer.name]]) == 1
        and before[layer.name] not in outputs
        and network.get_layer(before[layer.name]).activation is keras.activations.linear
    }


def _fill(network: keras.Model, source: keras.Model, pairs: dict[str, str]) -> None:
    norm_of = {convolution: norm for norm, convolution in pairs.items()}
    for layer in source.layers:
        if layer.name in norm_of:
            network.get_layer(layer.name).set_weights(_folded(layer, source.get_layer(norm_of[layer.name])))
        elif layer.name not in pairs and layer.weights:
            network.get_layer(layer.name).set_weights(layer.get_weights())


def _folded(convolution: Any, norm: Any) -> list[NDArray[np.float32]]:
    kernel, *bias = (np.asarray(value, np.float64) for value in convolution.get_weights())
    mean, variance = (np.asarray(value, np.float64) for value in (norm.moving_mean, norm.moving_variance))
    scale = 1 / np.sqrt(variance + norm.epsilon)
    scale = scale * np.asarray(norm.gamma, np.float64) if norm.scale else scale
    shift = np.asarray(norm.beta, np.float64) if norm.center else np.zeros_like(mean)
    # A depthwise kernel has its channels in the last but one place (and one output a channel).
    is_depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    by_channel = scale.reshape(kernel.shape[2:]) if is_depthwise else scale
    old = bias[0] if bias else np.zeros_like(mean)
    return [(kernel * by_channel).astype(np.float32), (shift + (old - mean) * scale).astype(np.float32)]
