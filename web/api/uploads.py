"""Uploads: announce a file, send it in pieces, go on where a break was, and have it judged when it is whole."""

import os
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from db.headers import iso_time
from db.uploads import Upload
from web.answers import json_answer
from web.context import Context, context_of
from web.gate import CHUNK_LIMIT_BYTES
from web.identity import Principal
from web.problems import ProblemError
from web.rules import SUBMIT
from web.shapes.submitting import JudgingOptions, NewUpload
from web.shapes.submitting import Upload as UploadShape

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_PIECE = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("", status_code=201, response_model=UploadShape)
def announce(request: Request, wanted: NewUpload, principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Announce a file: its name, its size, and how it is to be judged."""
    context = context_of(request)
    upload = context.uploads.announce(wanted, principal)
    return json_answer(_describe(context, upload), 201, {"Location": f"/api/v1/uploads/{upload.id}"})


@router.get("/{upload_id}", response_model=UploadShape)
def get_upload(request: Request, upload_id: UploadId, principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """How much has come, and the batch that it became."""
    context = context_of(request)
    return json_answer(_describe(context, context.uploads.find(upload_id, principal)))


@router.head("/{upload_id}", response_class=Response)
def get_offset(request: Request, upload_id: UploadId, principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """How much has come, as the header Upload-Offset."""
    context = context_of(request)
    upload = context.uploads.find(upload_id, principal)
    return Response(headers=_headers(upload, context.uploads.offset_of(upload)))


@router.patch("/{upload_id}", response_model=UploadShape, openapi_extra=_PIECE)
async def send_piece(
    request: Request,
    upload_id: UploadId,
    principal: Annotated[Principal, Depends(SUBMIT)],
    upload_offset: Annotated[int, Header(ge=0, le=2**63 - 1)],
) -> Response:
    """Send the next bytes, from the offset on. With the last of them the file is submitted."""
    context = context_of(request)
    upload = await run_in_threadpool(context.uploads.find, upload_id, principal)
    try:
        offset = await context.uploads.append(upload, upload_offset, request.stream())
    except ClientDisconnect:
        return Response(status_code=400)
    if offset == upload.size_bytes:
        await run_in_threadpool(_submit, context, upload)
        upload = await run_in_threadpool(context.uploads.find, upload_id, principal)
    described = await run_in_threadpool(_describe, context, upload)
    return json_answer(described, headers=_headers(upload, offset))


@router.post("/{upload_id}/complete", response_model=UploadShape)
def complete(request: Request, upload_id: UploadId, principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Submit a file that came whole, should the server have stopped between its last piece and the submission."""
    context = context_of(request)
    upload = context.uploads.find(upload_id, principal)
    if upload.batch_id is None:
        offset = context.uploads.offset_of(upload)
        if offset != upload.size_bytes:
            raise ProblemError(409, f"{offset} of {upload.size_bytes} bytes have come: send the others first")
        _submit(context, upload)
        upload = context.uploads.find(upload_id, principal)
    return json_answer(_describe(context, upload))


@router.delete("/{upload_id}", status_code=204, response_class=Response)
def discard(request: Request, upload_id: UploadId, principal: Annotated[Principal, Depends(SUBMIT)]) -> Response:
    """Throw a file away that was not submitted yet."""
    context = context_of(request)
    upload = context.uploads.find(upload_id, principal)
    if upload.batch_id is not None:
        raise ProblemError(409, f"upload {upload_id!r} became batch {upload.batch_id}: cancel that")
    context.uploads.discard(upload)
    return Response(status_code=204)


def _submit(context: Context, upload: Upload) -> None:
    path = context.uploads.complete(upload)
    options = JudgingOptions.model_validate(dict(upload.options))
    batch_id = context.submitter.begin([os.fsencode(path)], upload.name, options)
    context.uploads.settle(upload, batch_id)


def _describe(context: Context, upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "offset": context.uploads.offset_of(upload),
        "chunk_limit_bytes": CHUNK_LIMIT_BYTES,
        "expires_at": iso_time(upload.expires_at),
        "batch_id": upload.batch_id,
    }


def _headers(upload: Upload, offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Length": str(upload.size_bytes)}
