"""Measures a bundle on faces that were put under the conditions of the other class.

A classifier that looks at faces keeps most of its AUC; one that looks at sizes, codecs and borders loses it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from training.judging import JudgedFile, main_scores, score_files
from training.measuring import figures_of
from training.robustness import CLEAN, compare_with_clean
from training.shortcuts import PARTS, swap_conditions
from worker.pipeline.classifier import Classifier


def measure_swapped(files: Sequence[JudgedFile], classifier: Classifier) -> dict[str, Any]:
    """The figures after each part of the conditions was exchanged between real and fake.

    Args:
        files: judged as they are.
        classifier: that judged them.

    Returns:
        by kind ("image", "video": where there are both classes) and by part of the conditions: the AUC with its
        interval, how far it moved from the clean one, and the mean scores of both classes.
    """
    found: dict[str, Any] = {}
    for kind in ("image", "video"):
        # Kinds are kept apart: a picture that is put under the conditions of a video tells nothing new.
        chosen = [file for file in files if file.item.kind == kind]
        if len({file.item.label for file in chosen}) == 2:
            found[kind] = {part: _measure_part(chosen, classifier, part) for part in PARTS}
    return found


def _measure_part(files: Sequence[JudgedFile], classifier: Classifier, part: str) -> dict[str, Any]:
    material = [(file.item, file.faces) for file in files]
    swapped = [
        replace(files[place], logits={**files[place].logits, part: classifier.judge(crops).logits})
        for place, crops in swap_conditions(material, part=part)
    ]
    kind = files[0].item.kind
    clean, changed = (
        replace(main_scores(score_files(swapped, classifier.manifest.calibration, condition=name))[kind], bands={})
        for name in (CLEAN, part)
    )
    figures = figures_of(changed)
    is_fake = changed.truth > 0.5
    return {
        "real": figures["real"],
        "fake": figures["fake"],
        "auc": figures["auc"],
        "intervals": {"auc": figures["intervals"]["auc"]},
        **compare_with_clean(clean, changed),
        "mean_score_real": float(changed.scores[~is_fake].mean()),
        "mean_score_fake": float(changed.scores[is_fake].mean()),
    }
