"""Writes what explains a verdict: a contact sheet to open first, three pictures of each face, and an index."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.rendering.names import display_name
from cli.rendering.output import OutputFile, open_output
from cli.rendering.units import format_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.pipeline.explaining import ExplainedFace
    from worker.pipeline.results import Pixels

INDEX_FILE = "explanation.json"
SHEET_FILE = "contact-sheet.png"
LAST_LAYER = "last"
"""Stands for the last features of any network."""
FACE_PX = 448
"""Side of a face's own pictures: twice what most networks see."""
_OURS = (SHEET_FILE, "face-[0-9][0-9]*.png")


class ExplanationTarget(click.ParamType[Path]):
    """A directory for the whole explanation, or a .png file for its contact sheet alone."""

    name = "directory"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuses what could not be written, or what holds other files, before any work is done."""
        path = Path(value)
        if is_sheet_alone(path):
            return Path(OutputFile().convert(str(value), param, ctx))
        if path.exists() and not path.is_dir():
            self.fail(f"{str(value)!r} is a file: name a directory, or a file that ends in .png", param, ctx)
        if path.is_dir() and any(path.iterdir()) and not (path / INDEX_FILE).is_file():
            self.fail(f"{str(value)!r} holds other files: name a directory that is new or empty", param, ctx)
        return path


def is_sheet_alone(target: Path) -> bool:
    """Whether only the contact sheet is wanted."""
    return target.suffix.lower() == ".png" and not target.is_dir()


def write_explanation(
    target: Path, faces: Sequence[ExplainedFace], *, title: str, subtitle: str, head: Mapping[str, Any]
) -> Path:
    """Writes everything into a directory, in place of an earlier explanation there, or the contact sheet into a file.

    Args:
        target: of `ExplanationTarget`.
        faces: at least one, in the order of the sheet.
        title: of the sheet.
        subtitle: of the sheet.
        head: what the index says before its `faces`.

    Returns:
        The file to open first.
    """
    from cli.rendering.report_json import write_json
    from worker.pipeline.contact_sheet import draw_contact_sheet

    sheet = draw_contact_sheet(faces, title=title, subtitle=subtitle)
    if is_sheet_alone(target):
        _write_picture(target, sheet)
        return target
    target.mkdir(parents=True, exist_ok=True)
    for pattern in _OURS:
        for old in target.glob(pattern):
            old.unlink()
    described = [_write_face(target, number, face) for number, face in enumerate(faces, start=1)]
    with open_output(os.fspath(target / INDEX_FILE)) as stream:
        write_json({**head, "heat_span_logits": faces[0].span, "contact_sheet": SHEET_FILE, "faces": described}, stream)
    _write_picture(target / SHEET_FILE, sheet)
    return target / SHEET_FILE


def describe_method(layer: str | None) -> str:
    """How the heat maps were made, for people."""
    return "class activation map" if layer is None else f"Grad-CAM at layer {layer}"


def title_of(found: Mapping[str, Any], path: bytes) -> str:
    """The name of a video or picture with its verdict."""
    return f"{display_name(os.path.basename(path))}   {found['verdict']} {format_score(found['score'])}"  # noqa: PTH119 - bytes


def path_of(described: Mapping[str, Any]) -> bytes:
    """The path that `describe_path` described, byte for byte."""
    exact = described.get("path_b64")
    return described["path"].encode() if exact is None else base64.b64decode(exact)


def _write_face(directory: Path, number: int, face: ExplainedFace) -> dict[str, Any]:
    names = {
        "face": f"face-{number:02}.png",
        "heat": f"face-{number:02}-heat.png",
        "frame": f"face-{number:02}-frame.png",
    }
    _write_picture(directory / names["face"], face.draw_crop(FACE_PX))
    _write_picture(directory / names["heat"], face.draw_heat(FACE_PX))
    _write_picture(directory / names["frame"], face.draw_frame())
    box = face.judged.box
    return {
        "number": number,
        "t_s": face.judged.t_s,
        "box_px": [box.x, box.y, box.w, box.h],
        "track": face.judged.track,
        "score": face.judged.score,
        "score_now": face.score,
        "logit": face.logit,
        "heat_map": [[round(value, 4) for value in row] for row in face.heat_map.tolist()],
        "pictures": names,
    }


def _write_picture(path: Path, pixels: Pixels) -> None:
    import cv2

    encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
