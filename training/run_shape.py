"""Says what decides the outcome of a run, so that an interrupted one is known again."""

import dataclasses
import hashlib
from typing import Any

import keras

from training.augmentation import DEFAULT_DEGRADATION
from training.blending import DEFAULT_BLENDING
from training.dataset import Item
from training.face_set import FaceSet
from training.fitting_network import choose_precision
from training.material import Material
from training.options import TrainOptions
from training.weights import sha256_of
from worker.pipeline.preprocessing import PREPROCESSING_VERSION


def shape_of(options: TrainOptions, material: Material) -> dict[str, Any]:
    """Everything that decides what a run gives, as JSON: another value of it is another run."""
    items = [
        [faces.sha256, _hash_of(faces), item.label, item.source, *item.identities, *_review_of(item)]
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
        "residual": options.residual,
        "contrast": options.contrast,
        "weights": None if options.weights is None else sha256_of(options.weights),
        "weights_style": options.weights_style,
        "size_px": options.size_px,
        "preprocessing": PREPROCESSING_VERSION,
        "views": dataclasses.asdict(options.views),
        "drawing": [dataclasses.asdict(DEFAULT_DEGRADATION), dataclasses.asdict(DEFAULT_BLENDING)],
        "recipe": recipe,
        "precision": choose_precision(options.recipe.precision),
        "keras": f"{keras.__version__} {keras.backend.backend()}",
    }


def _hash_of(faces: FaceSet) -> str:
    """Of where the faces are: another detector or setting finds other ones in the same file."""
    return hashlib.sha256(faces.frames.tobytes() + faces.boxes.tobytes()).hexdigest()[:16]


def _review_of(item: Item) -> list[float]:
    return [item.weight] if item.is_reviewed else []
