"""The HTTP API under /api/v1: a file per kind of thing."""
