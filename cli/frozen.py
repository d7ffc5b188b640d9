"""The frozen evaluation set of this installation, and what classifiers scored on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.bars import bar
from cli.classifier_names import classifier_words

if TYPE_CHECKING:
    from db.evaluation_sets import EvaluationSet
    from db.registry import RegisteredClassifier
    from db.session import Database
    from training.frozen_set import FrozenSet
    from training.gate import FileScore
    from worker.settings import Settings


def evaluation_shelf(settings: Settings) -> Path:
    """Where frozen sets and the faces cut from them are kept."""
    return settings.home / "evaluation"


def find_frozen_set(frozen: EvaluationSet, settings: Settings) -> FrozenSet:
    """The verified files of a frozen set on this machine.

    Raises:
        TrainingError: they are not here, or altered.
    """
    from training.frozen_set import open_frozen_set

    ours = evaluation_shelf(settings) / frozen.sha256[:16]
    # Frozen on another machine, it may lie on a disk that both share.
    place = ours if ours.is_dir() or not Path(frozen.path).is_dir() else Path(frozen.path)
    return open_frozen_set(place, frozen.sha256)


def scores_of(
    database: Database, settings: Settings, frozen: EvaluationSet, files: FrozenSet, classifier: RegisteredClassifier
) -> list[FileScore]:
    """What a classifier scored on the set: kept from an earlier comparison, or judged now and kept.

    Raises:
        BundleError: the classifier is not on this machine, or altered.
    """
    from db.evaluation_sets import read_scores, save_scores
    from training.examination import examine, protocol
    from training.gate import FileScore
    from worker.cores import usable_cores
    from worker.pipeline.detector_file import find_detector
    from worker.resources import find_bundle

    with database.read() as session:
        kept = read_scores(session, classifier_id=classifier.id, set_id=frozen.id, protocol=protocol())
    if kept is not None:
        return [FileScore.from_json(told) for told in kept]
    with bar(f"Judging the frozen set with {classifier_words(classifier)}") as on_progress:
        scores = examine(
            files,
            find_bundle(classifier.sha256, Path(classifier.path), settings),
            cache=evaluation_shelf(settings) / "faces",
            detector=find_detector(),
            threads=usable_cores(),
            on_progress=on_progress,
        )
    told = [score.to_json() for score in scores]
    with database.begin() as session:
        save_scores(session, classifier_id=classifier.id, set_id=frozen.id, protocol=protocol(), scores=told)
    return scores
