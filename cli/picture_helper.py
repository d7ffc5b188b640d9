"""Judges pictures for the web application, in a process that may die of one: a JSON line in, a JSON line out.

What strangers send is decoded here and nowhere else. The process ends when its standard input does.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cli.opening import bundle_in_use
from cli.picture_judging import PictureJudge, open_judge
from worker.pipeline.errors import PipelineError
from worker.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.pipeline.explaining import ExplainedFace
    from worker.pipeline.results import Pixels

# A page shows no more pixels, and the answer stays small.
_SHOWN_PX = 1024
_MOST_FACES = 60


def main() -> None:
    """Answers line by line."""
    settings = read_settings()
    judges: dict[Path, PictureJudge] = {}
    # Whatever a library prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line), settings, judges)
        except PipelineError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(asked: dict[str, Any], settings: Settings, judges: dict[Path, PictureJudge]) -> dict[str, Any]:
    path = asked["path"].encode("utf-8", "surrogateescape")
    bundle = bundle_in_use(settings)
    if bundle not in judges:
        # Another one was activated: the one before is not needed any more.
        judges.clear()
        judges[bundle] = open_judge(settings)
    judge = judges[bundle]
    image = judge.describe(path)
    heat_map = _draw(judge, path, image) if image["state"] == "judged" else None
    return {"image": {**image, "heat_map": heat_map}, **judge.head}


def _draw(judge: PictureJudge, path: bytes, image: dict[str, Any]) -> str | None:
    """The picture with a box and a heat map on every face, as a data URL; None where the network gives none."""
    from worker.pipeline.errors import BundleError
    from worker.pipeline.explaining import JudgedFace, choose_faces, explain_picture
    from worker.pipeline.pictures import read_picture
    from worker.pipeline.results import Box

    faces = [
        JudgedFace(None, Box(*face["box_px"]), number, face["score"]) for number, face in enumerate(image["faces"])
    ]
    chosen = choose_faces(faces, _MOST_FACES)
    try:
        explained = explain_picture(read_picture(path), chosen, classifier=judge.classifier)
    except BundleError:
        return None
    return _as_data_url(_draw_all(explained)) if explained else None


def _draw_all(faces: Sequence[ExplainedFace]) -> Pixels:
    picture = faces[0].frame.pixels
    for face in faces:
        picture = replace(face, frame=replace(face.frame, pixels=picture)).draw_frame()
    return picture


def _as_data_url(pixels: Pixels) -> str:
    import cv2

    scale = _SHOWN_PX / max(pixels.shape[:2])
    shown = pixels if scale >= 1 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".png", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))[1]
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()


if __name__ == "__main__":
    main()
