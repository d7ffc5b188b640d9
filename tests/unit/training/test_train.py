"""A whole training run on drawn faces: from files to a bundle that the worker loads."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import training.evaluate
import training.material
import training.train
from tests.unit.training.faces import FACE, DrawnFaceDetector, draw_face, write_faces
from training.architecture import build_backbone, build_classifier
from training.errors import TrainingError
from training.evaluation import EvaluateOptions
from training.options import TrainOptions
from training.recipe import Recipe
from training.views import ViewPlan
from worker.pipeline.bundle import verify_bundle
from worker.pipeline.classifier import load_classifier
from worker.pipeline.preprocessing import crop_face

SIZE_PX = 64


def test_logit_is_the_mean_of_the_heat_map() -> None:
    """Pooling and the dense head are linear, so the map explains the logit in full."""
    network = build_classifier(build_backbone("tiny", weights=None, size_px=SIZE_PX))
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE_PX, SIZE_PX, 3)).astype(np.float32)

    outputs = network.predict_on_batch(pixels)

    assert outputs["heat_map"].shape == (3, 4, 4)
    assert np.allclose(outputs["heat_map"].mean(axis=(1, 2)), outputs["logit"][:, 0], atol=1e-5)


def test_normalisation_is_inside_the_network() -> None:
    """A pixel of the mean colour enters the first convolution as zero."""
    network = build_classifier(build_backbone("tiny", weights=None, size_px=SIZE_PX))
    first = keras.Model(network.inputs, network.get_layer("normalise").output)
    mean = np.array([0.485, 0.456, 0.406], np.float32) * 255

    found = first.predict_on_batch(np.broadcast_to(mean, (1, SIZE_PX, SIZE_PX, 3)))

    assert np.abs(found).max() < 1e-5


def test_unknown_backbone_is_named() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(TrainingError, match="small_cnn, tiny"):
        build_backbone("resnet", weights=None)


def _options(tmp_path: Path, **changes: object) -> TrainOptions:
    values: dict[str, object] = {
        "roots": (tmp_path / "faces",),
        "output": tmp_path / "bundle",
        "cache": tmp_path / "cache",
        "detector": tmp_path,
        "backbone": "tiny",
        "folds": 2,
        "size_px": SIZE_PX,
        "views": ViewPlan(degraded=1, blended=1),
        "recipe": Recipe(head_steps=40, epochs=2, rows_per_epoch=256, batch=32, rate=5e-3),
    }
    return TrainOptions(**{**values, **changes})  # type: ignore[arg-type]  # a table of arguments


def _evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(training.evaluate, "FaceDetector", DrawnFaceDetector)
    write_faces(tmp_path / "others", sources=1, seed=7)
    options = EvaluateOptions(
        roots=(tmp_path / "others",),
        bundle=tmp_path / "bundle",
        cache=tmp_path / "cache",
        detector=tmp_path,
    )
    return training.evaluate.evaluate_bundle(options, say=lambda _: None)


@pytest.mark.slow
def test_two_epochs_make_a_bundle_that_the_worker_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends in a verified bundle with figures, whose OpenVINO network judges as Keras does."""
    monkeypatch.setattr(training.material, "FaceDetector", DrawnFaceDetector)
    write_faces(tmp_path / "faces")
    told: list[str] = []

    figures = training.train.train_classifier(_options(tmp_path), say=told.append)

    manifest = verify_bundle(tmp_path / "bundle")
    crops = np.stack([crop_face(draw_face(n, is_fake=n % 2 == 1), FACE, size_px=SIZE_PX) for n in range(8)])
    judged = load_classifier(tmp_path / "bundle", device="cpu").judge(crops)
    network = keras.saving.load_model(tmp_path / "bundle" / "classifier.keras", safe_mode=True)
    expected = network.predict_on_batch(crops.astype(np.float32))
    assert np.allclose(judged.logits, expected["logit"][:, 0], atol=1e-3)
    assert np.allclose(judged.heat_maps, expected["heat_map"], atol=1e-3)
    assert figures["clean"]["image"]["real"] == figures["clean"]["image"]["fake"] == 24
    assert manifest.metrics["keras_openvino_gap"] < 1e-3
    assert set(manifest.training["sources"]) == {f"{c} {c}_{n}" for c in ("real", "fake") for n in range(3)}
    assert any("epoch 2 of 2" in line and "s left" in line for line in told)
    assert [line.split(":")[0] for line in told if "is judged" in line] == [f"fold {n} of 2 is judged" for n in (1, 2)]
    assert [point["run"] for point in manifest.training["curves"]] == ["fold 1"] * 2 + ["fold 2"] * 2 + ["kept"] * 2
    assert "epoch 2 of 2" in (tmp_path / "bundle" / "training-log.txt").read_text(encoding="utf-8")
    found = _evaluate(tmp_path, monkeypatch)
    assert found["coverage"] == 1.0
    assert found["image"]["auc"] > 0.9
    card = (tmp_path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert "real_0" in card
    assert "offered for evaluation" in card


@pytest.mark.slow
def test_a_split_of_the_material_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With train, valid and test folders the figures are of the test part alone."""
    monkeypatch.setattr(training.material, "FaceDetector", DrawnFaceDetector)
    for seed, part in enumerate(("train", "valid", "test")):
        write_faces(tmp_path / "drawn" / part, sources=1, count=6 + seed, seed=seed)
        sorted((tmp_path / "drawn" / part).rglob("*.png"))[0].write_bytes(b"")

    figures = training.train.train_classifier(_options(tmp_path, roots=(tmp_path / "drawn",)), say=lambda _: None)

    assert figures["clean"]["image"]["real"] + figures["clean"]["image"]["fake"] == 2 * 8 - 1
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["training"]["skipped"] == 3


def test_a_misspelt_step_is_answered_before_anything_runs(tmp_path: Path) -> None:
    """The message comes before the first face is cut."""
    options = _options(tmp_path, recipe=Recipe(without=("rain",)))

    with pytest.raises(TrainingError, match="no degradation called 'rain'"):
        training.train.train_classifier(options, say=pytest.fail)
