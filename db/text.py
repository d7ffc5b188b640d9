"""Text that any database stores: no NUL, no lone surrogate, no longer than its column."""


def storable(text: str, *, limit: int) -> str:
    """`text` as it can be stored: NUL and what has no UTF-8 become U+FFFD, and it is cut at `limit`."""
    clean = text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
