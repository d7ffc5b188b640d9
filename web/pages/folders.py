"""Submitting a directory of the server: looked through below the allowed roots, and no further."""

import base64
import os
import stat
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from scheduler.discovery import VIDEO_EXTENSIONS
from web.context import context_of
from web.identity import Principal
from web.pages.showing import back_to, show
from web.places import OutsideError, Places
from web.problems import ProblemError
from web.rules import SUBMIT
from web.shapes.submitting import JudgingOptions

router = APIRouter(include_in_schema=False)

PRESETS = ("fast", "standard", "thorough")
# A page shows no more; the others are submitted with their directory all the same.
_MOST_SHOWN = 500


@dataclass(frozen=True)
class Shown:
    """A directory or a video in the list; `key` names its path in an address, whatever its bytes."""

    name: bytes
    key: str
    is_folder: bool
    size_bytes: int | None = None


@router.get("/folders", response_class=HTMLResponse)
def folders(request: Request, _principal: Annotated[Principal, Depends(SUBMIT)], at: str = "") -> HTMLResponse:
    """The roots, or what lies in a directory below one."""
    places = context_of(request).places
    here = _path_of(places, at) if at else None
    shown, left_out = ([], 0) if here is None else _look_into(here)
    return show(
        request,
        "folders.html",
        section="folder",
        roots=[Shown(root, _key_of(root), is_folder=True) for root in places.roots],
        here=here,
        here_key=at,
        up=None if here is None or here in places.roots else _key_of(here.rpartition(b"/")[0]),
        shown=shown,
        left_out=left_out,
        presets=PRESETS,
    )


@router.post("/folders")
def submit(
    request: Request,
    _principal: Annotated[Principal, Depends(SUBMIT)],
    at: Annotated[str, Form(max_length=8000)],
    preset: Annotated[str, Form(max_length=20)] = "standard",
    name: Annotated[str, Form(max_length=200)] = "",
    priority: Annotated[str, Form(max_length=20)] = "bulk",
) -> RedirectResponse:
    """Submits a directory, or one video."""
    context = context_of(request)
    if preset not in PRESETS or priority not in ("bulk", "interactive"):
        raise ProblemError(422, f"preset must be one of {', '.join(PRESETS)}, got {preset!r}: choose one of these")
    options = JudgingOptions.model_validate({"preset": preset, "priority": priority})
    batch_id = context.submitter.begin([_path_of(context.places, at)], name.strip() or None, options)
    return back_to(f"/batches/{batch_id}", "submitted")


def _look_into(directory: bytes) -> tuple[list[Shown], int]:
    """The directories and videos in a directory, and how many more there are."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208 - bytes
    except OSError as error:
        raise ProblemError(404, f"the directory cannot be read: {error.strerror}: choose another") from error
    found = [one for name in names if (one := _look_at(directory, name)) is not None]
    found.sort(key=lambda one: not one.is_folder)
    return found[:_MOST_SHOWN], max(0, len(found) - _MOST_SHOWN)


def _look_at(directory: bytes, name: bytes) -> Shown | None:
    if name.startswith(b"."):
        return None
    path = os.path.join(directory, name)  # noqa: PTH118 - bytes
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return Shown(name, _key_of(path), is_folder=True)
    extension = os.path.splitext(name)[1]  # noqa: PTH122 - bytes
    is_video = extension[1:].lower() in VIDEO_EXTENSIONS and stat.S_ISREG(status.st_mode)
    return Shown(name, _key_of(path), is_folder=False, size_bytes=status.st_size) if is_video else None


def _path_of(places: Places, key: str) -> bytes:
    """The path that an address names; refused where it leads out of the roots."""
    try:
        path = base64.urlsafe_b64decode(key.encode("ascii"))
        return places.real_path_of(path, with_uploads=False)
    except (ValueError, OutsideError) as error:
        raise ProblemError(403, f"this place may not be looked at: {error}: see FAKESWEEP_ROOTS") from error


def _key_of(path: bytes) -> str:
    return base64.urlsafe_b64encode(path).decode()
