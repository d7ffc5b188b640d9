"""The pages: server-rendered, a file per page; `ROUTERS` lists them."""

from fastapi import APIRouter

from web.pages import batches, classifiers, folders, live, overview, pictures, settings, sign_in, upload, video, videos

ROUTERS: tuple[APIRouter, ...] = tuple(
    page.router
    for page in (overview, videos, video, batches, upload, folders, live, classifiers, settings, pictures, sign_in)
)
"""The routers of all pages; each route in them names its rule (see `web.rules`)."""
