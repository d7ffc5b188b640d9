"""Explains a score by the gradients of the Keras network: Grad-CAM, for any layer with places.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. Where
the head is pooling and a dense layer, the last features' map is the class activation map less its bias, and the
exported network gives that without gradients; earlier layers see finer, and only gradients reach them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from worker.pipeline.bundle import KERAS_FILE, verify_bundle

BATCH_SIZE = 8
HEAD = "head"
"""The layer whose input are the last features, as `training.architecture` names it."""

Change = Callable[[Any], Any]
"""Takes what passes a layer, and gives what passes in its place."""


def grad_cam(
    network: keras.Model, crops: NDArray[np.uint8], *, layer: str | None = None, is_signed: bool = False
) -> NDArray[np.float32]:
    """The places of a layer that raise the logit of each crop.

    Args:
        network: pixels 0..255 in, a dictionary with "logit" (n, 1) out.
        crops: (n, size, size, 3), RGB, as `crop_face` cuts them; n may not be 0.
        layer: whose output is looked at, by name, also within nested networks; None for the last features.
        is_signed: keep what speaks against fake too, which the paper cuts off at 0.

    Returns:
        (n, height, width), in logits: times the number of places, so that a linear head's map is on the scale of its
        class activation map.

    Raises:
        TrainingError: no such layer, one without places, or a backend that knows no gradients.
    """
    gradient_of = _gradient_function()
    found, is_input = (_find_layer(network, HEAD), True) if layer is None else (_find_layer(network, layer), False)
    parts = [
        _explain_batch(network, crops[start : start + BATCH_SIZE], found, is_input=is_input, gradient_of=gradient_of)
        for start in range(0, len(crops), BATCH_SIZE)
    ]
    heat_maps = np.concatenate(parts)
    return heat_maps if is_signed else np.maximum(heat_maps, np.float32(0))


def load_network(bundle: Path) -> keras.Model:
    """The Keras network of a verified bundle; no code from its file is run.

    Raises:
        BundleError: the bundle is not whole.
        TrainingError: the network cannot be read.
    """
    verify_bundle(bundle)
    try:
        return keras.saving.load_model(bundle / KERAS_FILE, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TrainingError(
            f"{bundle / KERAS_FILE} cannot be loaded ({lines[0]}): train the classifier again"
        ) from error


def _explain_batch(
    network: keras.Model,
    crops: NDArray[np.uint8],
    layer: Any,
    *,
    is_input: bool,
    gradient_of: Callable[[Change, NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    pixels = keras.ops.convert_to_tensor(crops.astype(np.float32))
    features = _passing(network, pixels, layer, is_input=is_input)
    if features.ndim != 4:
        raise TrainingError(
            f"the layer {layer.name!r} has no places (its output is {features.shape}): choose one before the pooling"
        )

    def logit_of(change: Any) -> Any:
        # The gradient by what is added to the features is the gradient by the features, on every backend alike.
        with _changed(layer, lambda passing: passing + keras.ops.cast(change, passing.dtype), is_input=is_input):
            return keras.ops.sum(network(pixels, training=False)["logit"])

    gradients = gradient_of(logit_of, np.zeros(features.shape, np.float32))
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    places = features.shape[1] * features.shape[2]
    return np.asarray((weights * features).sum(axis=3) * places, np.float32)


def _passing(network: keras.Model, pixels: Any, layer: Any, *, is_input: bool) -> NDArray[np.float32]:
    """What goes into the layer, or comes out of it, for these pixels."""
    seen: list[Any] = []

    def note(passing: Any) -> Any:
        seen.append(passing)
        return passing

    with _changed(layer, note, is_input=is_input):
        network(pixels, training=False)
    if len(seen) != 1:
        raise TrainingError(f"the layer {layer.name!r} is used {len(seen)} times: choose one that is used once")
    return np.asarray(keras.ops.convert_to_numpy(seen[0]), np.float32)


@contextmanager
def _changed(layer: Any, change: Change, *, is_input: bool) -> Iterator[None]:
    """Lets `change` stand in the way into or out of a layer, however deeply nested, until the block ends."""
    call = layer.call

    def changed_call(passing: Any, *arguments: Any, **options: Any) -> Any:
        if is_input:
            return call(change(passing), *arguments, **options)
        return change(call(passing, *arguments, **options))

    # Past the layer's own bookkeeping of what is set on it, which is about weights.
    object.__setattr__(layer, "call", changed_call)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _find_layer(network: keras.Model, name: str) -> Any:
    for layer in _all_layers(network):
        if layer.name == name:
            return layer
    known = list(dict.fromkeys(layer.name for layer in _all_layers(network)))
    nearest = ", ".join(get_close_matches(name, known, n=5, cutoff=0.0))
    raise TrainingError(f"the network has no layer {name!r}: the nearest of its {len(known)} are {nearest}")


def _all_layers(network: Any) -> Iterator[Any]:
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def _gradient_function() -> Callable[[Change, NDArray[np.float32]], NDArray[np.float32]]:
    known = {"tensorflow": _tensorflow_gradient, "jax": _jax_gradient, "torch": _torch_gradient}
    # Each imports its backend when it is called: only the one in use need be installed.
    backend = keras.backend.backend()
    if backend not in known:
        raise TrainingError(
            f"Grad-CAM needs gradients, and Keras runs on {backend}, which has none: set KERAS_BACKEND to one of "
            f"{', '.join(known)}, or use the class activation map, which needs none"
        )
    return known[backend]


def _tensorflow_gradient(function: Change, at: NDArray[np.float32]) -> NDArray[np.float32]:
    tensorflow: Any = import_module("tensorflow")
    place = tensorflow.convert_to_tensor(at)
    with tensorflow.GradientTape() as tape:
        tape.watch(place)
        value = function(place)
    return np.asarray(tape.gradient(value, place), np.float32)


def _jax_gradient(function: Change, at: NDArray[np.float32]) -> NDArray[np.float32]:
    jax: Any = import_module("jax")
    return np.asarray(jax.grad(function)(jax.numpy.asarray(at)), np.float32)


def _torch_gradient(function: Change, at: NDArray[np.float32]) -> NDArray[np.float32]:
    torch: Any = import_module("torch")
    place = keras.ops.convert_to_tensor(at).requires_grad_()
    (gradient,) = torch.autograd.grad(function(place), place)
    return np.asarray(gradient.cpu(), np.float32)
