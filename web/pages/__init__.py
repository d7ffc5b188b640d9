"""The pages: server-rendered, a file per page; `ROUTERS` lists them."""

from fastapi import APIRouter

from web.pages import overview, sign_in

ROUTERS: tuple[APIRouter, ...] = (overview.router, sign_in.router)
"""The routers of all pages; each route in them names its rule (see `web.rules`)."""
