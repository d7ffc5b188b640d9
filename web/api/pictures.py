"""Pictures: judged at once, or drawn by an image API and then judged."""

import base64
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from web.answers import json_answer
from web.context import Context, context_of
from web.identity import Principal
from web.problems import ProblemError
from web.rules import SUBMIT
from web.shapes.pictures import PictureJudged, Prompt

router = APIRouter(prefix="/api/v1/pictures", tags=["pictures"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", "application/octet-stream")
        },
    }
}


@router.post("", response_model=PictureJudged, openapi_extra=_BODY)
async def judge(request: Request, _principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Judge one picture, which is the body: prediction, probability, faces, heat map, seconds. It is not kept."""
    started = time.perf_counter()
    content = await request.body()
    if not content:
        raise ProblemError(422, "the body is empty: send the picture as the body")
    context = context_of(request)
    return await run_in_threadpool(_answer, context, content, started, None)


@router.post("/generate", response_model=PictureJudged)
def generate(request: Request, wanted: Prompt, _principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Have an image API draw a face, and judge it. The key is the server's, and never leaves it."""
    started = time.perf_counter()
    context = context_of(request)
    if context.doors.generate_picture is None:
        raise ProblemError(501, "this server has no key for an image API: set FAKESWEEP_IMAGE_API_KEY where it runs")
    try:
        content = context.doors.generate_picture(wanted.prompt, wanted.size)
    except ValueError as error:
        raise ProblemError(502, f"the image API gave no picture: {error}") from error
    return _answer(context, content, started, content)


def _answer(context: Context, content: bytes, started: float, shown: bytes | None) -> Response:
    answer = context.pictures.judge(content)
    image = {name: value for name, value in answer["image"].items() if name not in ("path", "path_b64")}
    picture = None if shown is None else "data:image/png;base64," + base64.b64encode(shown).decode()
    seconds = round(time.perf_counter() - started, 3)
    return json_answer({**answer, "image": image, "seconds": seconds, "picture": picture})
