"""Checks that a network is in its files what it was in memory."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.export import PARITY, export_keras, export_openvino, require_parity


def check_files(classifier: keras.Model, crops: NDArray[np.uint8], directory: Path) -> None:
    """It is saved, read in safe mode, exported, and says the same of the crops in either form."""
    export_keras(classifier, directory / "classifier.keras")
    export_openvino(classifier, directory / "classifier.xml")

    assert require_parity(classifier, directory / "classifier.xml", crops) <= PARITY
    loaded = keras.saving.load_model(directory / "classifier.keras", compile=False, safe_mode=True)
    pixels = crops.astype(np.float32)
    assert np.allclose(np.asarray(loaded(pixels)["logit"]), np.asarray(classifier(pixels)["logit"]), atol=1e-5)
