"""Writes a report as one HTML file that needs nothing but itself: table, timelines, faces with boxes and heat maps.

It is written while it is read: a video is one row of a plain table and, beside it, one piece of JSON that the page's
script draws when somebody opens the row. Without scripts the table is still there.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import IO, Any

from cli.rendering.evidence_words import COLUMNS, about_classifier, about_score, tiles
from cli.rendering.report_json import to_json
from cli.rendering.report_table import note_words
from cli.rendering.units import counted, format_duration, format_score
from worker.evidence import EvidenceFace
from worker.safe_text import safe_text

FacesOf = Callable[[Mapping[str, Any]], "Sequence[EvidenceFace] | str"]
"""The faces kept of a video, or why it is shown without pictures."""


_WAIT = 'document.documentElement.className = "loading"'
"""A long table is laid out once, when all of it is there."""


@dataclass(frozen=True)
class PageHead:
    """What the page says before its videos.

    Args:
        title: such as the batch's name or the video's.
        report: the report's head: batch (None for one video), classifier, options, thresholds.
        manifest: of the classifier, with what it was measured on; empty where it is not known.
        limits: in words, how many videos have pictures; empty where all have.
    """

    title: str
    report: Mapping[str, Any]
    manifest: Mapping[str, Any]
    limits: str = ""


def write_evidence_page(
    head: PageHead, videos: Iterable[Mapping[str, Any]], stream: IO[str], *, faces_of: FacesOf
) -> int:
    """Writes the page; returns how many videos it lists.

    Args:
        videos: of `db.reports.open_report` with frames and background.
        faces_of: asked once for each video, in order.
    """
    stream.write(_opening(head))
    count = 0
    for number, video in enumerate(videos):
        faces = faces_of(video)
        stream.write(_row(number, video, has_pictures=bool(faces) and not isinstance(faces, str)))
        described = to_json(_describe(video, faces)).replace("<", "\\u003c")
        stream.write(f'<script type="application/json" id="d{number}">{described}</script>\n')
        count += 1
    stream.write(_closing(head))
    return count


def _opening(head: PageHead) -> str:
    style, script = _asset("evidence_page.css"), _asset("evidence_page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(_WAIT)}' '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = escape(safe_text(head.title))
    columns = "".join(
        f'<th scope="col" data-key="{key}" class="{kind}"><button type="button">{escape(words)}</button></th>'
        for key, words, kind in COLUMNS
    )
    choices = "".join(
        f'<option value="{name}">{name.replace("_", " ")}</option>'
        for name in ("fake", "uncertain", "real", "no_face", "unreadable", "failed", "quarantined", "cancelled")
    )
    kind = "many" if "counts" in (head.report.get("batch") or {}) else "single"
    limits = f'<p class="soft">{escape(head.limits)}</p>' if head.limits else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="generator" content="fakesweep">'
        f"<title>{title}: evidence report</title><style>{style}</style>"
        f'<script>{_WAIT}</script></head>\n<body class="{kind}">'
        f"<header><h1>{title}</h1>{tiles(head.report)}</header>\n<main>"
        f"<h2>Videos</h2>{limits}"
        '<div class="controls"><input id="search" type="search" placeholder="Name, note or SHA-256" '
        'aria-label="Search"><select id="choice" aria-label="Verdict or state"><option value="">all</option>'
        f'{choices}</select><span class="soft" id="shown" role="status"></span></div>'
        '<p class="soft plain">Scripts are off: the table stands as it is, and rows do not open.</p>'
        f'<div class="scroll"><table id="videos"><thead><tr>{columns}</tr></thead><tbody>\n'
    )


def _closing(head: PageHead) -> str:
    report = head.report
    page = to_json({**report["thresholds"]}).replace("<", "\\u003c")
    return (
        '</tbody></table></div>\n<button type="button" id="more" hidden>Show more</button>\n'
        f"<h2>What the score means</h2>{about_score(report)}"
        f"<h2>Classifier</h2>{about_classifier(report, head.manifest)}</main>\n"
        f'<script type="application/json" id="page">{page}</script>'
        f"<script>{_asset('evidence_page.js')}</script></body></html>\n"
    )


def _row(number: int, video: Mapping[str, Any], *, has_pictures: bool) -> str:
    word = str(video["verdict"] or video["state"])
    faces, length, score = video.get("faces"), video.get("duration_s"), video.get("score")
    marks = {
        "n": number,
        "v": word,
        "s": None if score is None else f"{score:.6f}",
        "f": faces,
        "l": None if length is None else f"{length:.2f}",
        "h": video.get("sha256"),
        "p": 1 if has_pictures else None,
    }
    told = "".join(f' data-{name}="{escape(str(value))}"' for name, value in marks.items() if value is not None)
    labels = ", ".join(str(review["label"]) for review in video.get("reviews") or ())
    return (
        f'<tr{told}><td><span class="verdict {word}">{word.replace("_", " ")}</span></td>'
        f'<td class="n">{format_score(score)}</td><td class="n wide">{"–" if faces is None else faces}</td>'
        f'<td class="n wide">{format_duration(length)}</td>'
        f'<th scope="row"><button type="button" aria-expanded="false">{escape(safe_text(video["path"]))}</button></th>'
        f'<td class="wide">{escape(note_words(video))}</td><td class="wide">{escape(safe_text(labels))}</td></tr>'
    )


def _describe(video: Mapping[str, Any], faces: "Sequence[EvidenceFace] | str") -> dict[str, Any]:
    """What the script draws; every text is harmless already."""
    return {
        "facts": {"duration_s": video.get("duration_s")},
        "frames": [
            [round(frame["t_s"], 3), _rounded(frame["score"]), [_face_numbers(face) for face in frame["faces"]]]
            for frame in video.get("frames") or ()
        ],
        "tracks": [[track["id"], track["faces"], _rounded(track["score"])] for track in video.get("tracks") or ()],
        "faces": [] if isinstance(faces, str) else [_picture(face) for face in faces],
        "why": faces if isinstance(faces, str) else "",
        "told": _facts(video),
        "reviews": [
            [safe_text(str(review[name] or "–")) for name in ("label", "reviewer", "note", "created_at")]
            for review in video.get("reviews") or ()
        ],
    }


def _face_numbers(face: Mapping[str, Any]) -> list[Any]:
    return [*(round(side) for side in face["box_px"]), _rounded(face["score"]), face["track"]]


def _picture(face: EvidenceFace) -> dict[str, Any]:
    return {
        "t": round(face.t_s, 3),
        "box": face.box_px,
        "track": face.track,
        "score": _rounded(face.score),
        "w": face.width_px,
        "h": face.height_px,
        "face": base64.b64encode(face.face_jpeg).decode(),
        "frame": base64.b64encode(face.frame_jpeg).decode(),
        "heat": None if face.heat_png is None else base64.b64encode(face.heat_png).decode(),
    }


def _facts(video: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds = {name: value for name, value in (video.get("seconds") or {}).items() if value is not None}
    size = None if not video.get("width_px") else f"{video['width_px']} × {video['height_px']}"
    rate = None if not video.get("frame_rate") else f"{video['frame_rate']:.4g} a second"
    sampled = video.get("frames_sampled")
    known = {
        "state": str(video["state"]),
        "reason": video.get("reason"),
        "detail": video.get("detail"),
        "warnings": ", ".join(video.get("warnings") or ()),
        "picture": ", ".join(part for part in (size, rate) if part),
        "codec": " in ".join(part for part in (video.get("codec"), video.get("container")) if part),
        "length": None if video.get("duration_s") is None else format_duration(video["duration_s"]),
        "file": None if video.get("size_bytes") is None else f"{video['size_bytes']:,} bytes",
        "looked at": None if sampled is None else f"{counted(sampled, 'frame')}, {counted(video['faces'], 'face')}",
        "SHA-256": video.get("sha256"),
        "exact path": None if "path_b64" not in video else f"{video['path_b64']} (Base64)",
        "attempts": str(video.get("attempts") or 0),
        "worker": video.get("worker"),
        "finished": video.get("finished_at"),
        "took": ", ".join(f"{stage} {value:.2f} s" for stage, value in seconds.items()),
    }
    return [(name, safe_text(str(value))) for name, value in known.items() if value]


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _asset(name: str) -> str:
    return (files("cli.rendering") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
