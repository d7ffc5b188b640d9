"""Measures a bundle on labelled pictures and videos through the worker's own classifier, tracks and aggregation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.crops import FaceCutter, Skipped
from training.dataset import Item, discover_items
from training.errors import TrainingError
from training.evaluation import EvaluateOptions, Evaluation, FeatureMap
from training.faces_shown import choose_faces
from training.features import LEAST_POINTS, FeatureNetwork, lay_out
from training.judging import JudgedFile, Progress, judge_files, main_scores, score_files
from training.measuring import Scored, figures_of
from training.metrics import rounded
from training.options import Say
from training.robustness import CLEAN, CONDITIONS, pick_evenly, robustness_table
from training.swapping import measure_swapped
from worker.pipeline.bundle import OPENVINO_FILE
from worker.pipeline.classifier import load_classifier
from worker.pipeline.faces import FaceDetector

THREADS = 2
MAP_FILES = 1500
FACES_SHOWN = 8


def evaluate_bundle(options: EvaluateOptions, *, say: Say) -> dict[str, Any]:
    """The figures alone, as JSON.

    Raises:
        TrainingError: there is nothing labelled to judge.
        BundleError: the classifier cannot be loaded.
    """
    return dict(Evaluator(options, say=say).evaluate().figures)


class Evaluator:
    """Runs one evaluation.

    Args:
        options: what to measure.
        say: is told what happens.

    Raises:
        BundleError: the classifier cannot be loaded.
    """

    def __init__(self, options: EvaluateOptions, *, say: Say) -> None:
        self._options = options
        self._say = say
        self._classifier = load_classifier(options.bundle, threads=THREADS)
        self._manifest = self._classifier.manifest
        detector = FaceDetector(options.detector, threads=THREADS)
        size_px = self._manifest.input_size_px
        self._cutter = FaceCutter(detector, options.cache / "faces", frames=options.frames, size_px=size_px)

    def evaluate(self, *, with_pictures: bool = False) -> Evaluation:
        """Judges everything and measures it.

        Args:
            with_pictures: whether to choose the faces and lay out the features that a page shows.

        Raises:
            TrainingError: there is nothing labelled to judge.
        """
        items = self._find_items()
        files, skipped = self._judge(items)
        found = score_files(files, self._manifest.calibration)
        figures = {**self._head(items, files, skipped), **self._measure(found)}
        if self._options.robustness:
            chosen = [file for file in files if len(file.logits) > 1]
            figures["robustness"] = self._measure_robustness(chosen)
            figures["swapped"] = measure_swapped(chosen, self._classifier)
            self._say(f"exchanged the conditions of real and fake in {len(chosen)} files")
        return Evaluation(
            rounded(figures),
            self._manifest,
            main_scores(found),
            choose_faces(files, self._classifier, count=FACES_SHOWN) if with_pictures else (),
            self._lay_out(files) if with_pictures else None,
        )

    def _find_items(self) -> list[Item]:
        """The labelled files of all directories, each once; of a layout with splits, its test part."""
        found: list[Item] = []
        for root in self._options.roots:
            found += discover_items(root, exclude_sources=self._options.excluded, needs_both=False)
        if any(item.split for item in found):
            tested = [item for item in found if item.split == "test"]
            if not tested:
                raise TrainingError("the material names splits, but no test part: give what was never learnt from")
            self._say(f"{len(tested)} of {len(found)} files are the test part; the others are left out")
            found = tested
        return list({item.path.resolve(): item for item in found}.values())

    def _judge(self, items: Sequence[Item]) -> tuple[list[JudgedFile], list[Skipped]]:
        files, skipped = judge_files(
            items,
            self._cutter,
            self._classifier,
            conditions=CONDITIONS if self._options.robustness else (),
            degraded=frozenset(_to_degrade(items, self._options.robustness_files)),
            on_progress=_tenths(self._say, "files"),
        )
        for skip in skipped:
            self._say(f"skipped {skip.path}: {skip.why}")
        if not files:
            raise TrainingError(f"no usable face in {len(items)} files; the first: {skipped[0].path}: {skipped[0].why}")
        self._say(f"{len(files)} of {len(items)} files have faces")
        return files, skipped

    def _head(self, items: Sequence[Item], files: Sequence[JudgedFile], skipped: Sequence[Skipped]) -> dict[str, Any]:
        sources = {f"{file.item.label} {file.item.source}" for file in files}
        known = sorted(sources & set(self._manifest.training.get("sources") or ()))
        if known:
            self._say(f"{len(known)} of {len(sources)} sources are among those it learnt from: {', '.join(known)}")
        return {
            "classifier": {"name": self._manifest.name, "version": self._manifest.version},
            "material": [str(root) for root in self._options.roots],
            "frames": self._options.frames,
            "coverage": len(files) / len(items),
            "coverage_by_class": _coverage(items, files),
            "learnt_from": known,
            "skipped": [{"path": str(skip.path), "why": skip.why} for skip in skipped],
        }

    def _measure(self, found: Mapping[str, Any]) -> dict[str, Any]:
        thresholds = self._manifest.thresholds
        figures: dict[str, Any] = {}
        if "image" in found:
            figures["image"] = figures_of(found["image"], thresholds=thresholds["image"])
        if "video" in found:
            figures["frame"] = figures_of(found["frame"])
            figures["video"] = {
                method: figures_of(scored, thresholds=thresholds[method]) for method, scored in found["video"].items()
            }
        return figures

    def _measure_robustness(self, files: Sequence[JudgedFile]) -> dict[str, Any]:
        """By condition, "clean" first; of the files that were degraded, so that all rows are of the same ones."""
        scored: dict[str, dict[str, Scored]] = {}
        for name in (CLEAN, *(condition.name for condition in CONDITIONS)):
            found = main_scores(score_files(files, self._manifest.calibration, condition=name))
            scored[name] = {kind: replace(found[kind], bands={}) for kind in ("image", "video") if kind in found}
        self._say(f"measured {len(CONDITIONS)} degradations of {len(files)} files")
        return robustness_table(scored)

    def _lay_out(self, files: Sequence[JudgedFile]) -> FeatureMap | None:
        """The map of one face of each file, of a part of them where they are many."""
        size_px = self._manifest.input_size_px
        network = FeatureNetwork(self._options.bundle / OPENVINO_FILE, size_px=size_px, threads=THREADS)
        names = [f"{file.item.kind} {file.item.label} {file.item.source}" for file in files]
        chosen = [files[place] for place in pick_evenly(names, most=MAP_FILES)]
        if not network.is_usable or len(chosen) < LEAST_POINTS:
            return None
        features = [network.run(file.worst_crop[None])[0] for file in chosen]
        self._say(f"laying out the features of {len(chosen)} files")
        return FeatureMap(lay_out(np.stack(features)), [file.item for file in chosen])


def _to_degrade(items: Sequence[Item], most: int) -> list[int]:
    """The places of at most so many pictures and so many videos, alike from every source."""
    chosen: list[int] = []
    for kind in ("image", "video"):
        places = [place for place, item in enumerate(items) if item.kind == kind]
        names = [f"{items[place].label} {items[place].source}" for place in places]
        chosen += [places[at] for at in pick_evenly(names, most=most)]
    return chosen


def _coverage(items: Sequence[Item], files: Sequence[JudgedFile]) -> dict[str, dict[str, int]]:
    """How many files of each class and kind there are, and how many of them could be judged."""
    asked = Counter(f"{item.label} {item.kind}" for item in items)
    judged = Counter(f"{file.item.label} {file.item.kind}" for file in files)
    return {name: {"files": count, "judged": judged[name]} for name, count in sorted(asked.items())}


def _tenths(say: Say, what: str) -> Progress:
    """Says every tenth of the way."""
    last = [0]

    def tell(done: int, of: int) -> None:
        tenth = done * 10 // of
        if tenth > last[0]:
            last[0] = tenth
            say(f"{done} of {of} {what}")

    return tell
