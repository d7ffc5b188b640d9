"""Explains the verdict on a picture that was just judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.explanation_files import describe_method, title_of, write_explanation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cli.picture_judging import PictureJudge

MOST_FACES = 60
"""A sheet of more is nothing to look at."""


def explain_judged_picture(judge: PictureJudge, path: bytes, image: Mapping[str, Any], target: Path) -> Path:
    """Writes what explains a picture that was just judged; the file to open first.

    Args:
        image: as `PictureJudge.describe` tells it, with its faces.
        target: of `ExplanationTarget`.

    Raises:
        PipelineError: the file changed meanwhile, or the classifier gives no heat maps.
    """
    from worker.pipeline.explaining import JudgedFace, choose_faces, explain_picture
    from worker.pipeline.pictures import read_picture
    from worker.pipeline.results import Box

    faces = [
        JudgedFace(None, Box(*face["box_px"]), number, face["score"]) for number, face in enumerate(image["faces"])
    ]
    chosen = choose_faces(faces, MOST_FACES)
    classifier = judge.head["classifier"]
    return write_explanation(
        target,
        explain_picture(read_picture(path), chosen, classifier=judge.classifier),
        title=title_of(image, path),
        subtitle=f"judged by {classifier['name']} {classifier['version']}; heat: {describe_method(None)}",
        head={
            "image": {name: image[name] for name in ("path", "path_b64", "score", "verdict") if name in image},
            **judge.head,
            "method": describe_method(None),
        },
    )
