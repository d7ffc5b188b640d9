"""Loads weights files into networks."""

from pathlib import Path

import keras

from training.errors import TrainingError


def load_weights(network: keras.Model, weights: Path, name: str) -> None:
    """Fills a network from a file in Keras' layout.

    Raises:
        TrainingError: there is no file, or it does not fit.
    """
    if not weights.is_file():
        raise TrainingError(
            f"no weights file at {weights}: give --weights FILE, or leave it away to start from nothing"
        )
    try:
        network.load_weights(str(weights))
    except (ValueError, OSError) as error:
        raise TrainingError(f"{weights} does not fit the network {name!r} without its top: {error}") from error
