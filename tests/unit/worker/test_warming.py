"""A pool process loads its networks before it takes work, and takes work whatever comes of that."""

import json
import logging
from pathlib import Path

import cv2
import pytest

from db.schema import upgrade_database
from db.session import open_database
from tests.bundles import build_bundle
from worker import resources
from worker.resources import resources_of_process
from worker.settings import Settings
from worker.storage import Storage
from worker.warming import warm_up


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_resources", {})


def test_the_classifier_that_is_set_is_loaded_with_the_detector(tmp_path: Path) -> None:
    """Both are there, and have run, when the first video comes."""
    bundle = build_bundle(tmp_path / "bundle")
    settings = Settings(home=tmp_path, device="cpu", classifier=str(bundle))

    warm_up(settings, Storage(settings.effective_database_url))

    loaded = resources_of_process(settings)
    assert "detector" in vars(loaded)
    # More would wait for the next picture by turning in circles.
    assert cv2.getNumThreads() == 1
    assert [classifier.manifest.name for classifier in loaded._classifiers.values()] == ["fakesweep-red"]


@pytest.mark.slow
def test_without_an_active_classifier_the_packaged_one_is_loaded(tmp_path: Path) -> None:
    """The first scan of a new installation activates it a moment later."""
    settings = Settings(home=tmp_path, device="cpu")
    database = open_database(settings.effective_database_url)
    upgrade_database(database)
    database.dispose()
    storage = Storage(settings.effective_database_url)

    warm_up(settings, storage)

    storage.close()
    (loaded,) = resources_of_process(settings)._classifiers.values()
    packaged = json.loads((resources.packaged_bundle() / "manifest.json").read_text(encoding="utf-8"))
    assert (loaded.manifest.name, loaded.manifest.version) == (packaged["name"], packaged["version"])


def test_a_damaged_classifier_does_not_keep_a_process_from_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told to the operator here, and to each scan that names it."""
    bundle = build_bundle(tmp_path / "bundle")
    (bundle / "classifier.bin").write_bytes(b"")
    settings = Settings(home=tmp_path, device="cpu", classifier=str(bundle))

    with caplog.at_level(logging.WARNING):
        warm_up(settings, Storage(settings.effective_database_url))

    assert "could not load ahead" in caplog.text
    assert "is altered" in caplog.text


def test_without_a_database_nothing_is_loaded_and_nothing_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away for a moment does not end the worker that waits for it."""
    settings = Settings(home=tmp_path, device="cpu", database_url=f"sqlite:///{tmp_path / 'no' / 'such.db'}")

    with caplog.at_level(logging.WARNING):
        warm_up(settings, Storage(settings.effective_database_url))

    assert "could not load ahead" in caplog.text
    assert resources_of_process(settings)._classifiers == {}
