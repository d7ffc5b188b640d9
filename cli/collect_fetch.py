"""`fakesweep collect fetch`: real faces behind the URLs of an export."""

from __future__ import annotations

from typing import Any

import click

from cli.collecting import SOME_FAILED, USER_AGENT, SparseLines, face_options, face_rule, target_options

_MEGABYTE = 1024 * 1024


@click.command()
@target_options
@click.option("--from", "export", metavar="FILE|URL", required=True,
              help="JSON or JSONL with URLs of pictures: a file, or s3://...")  # fmt: skip
@click.option("--source", required=True, help="Name of the source: the site, camera or data set.")
@click.option("--label", type=click.Choice(["real", "fake"]), default="real", show_default=True)
@click.option("--url-key", "url_keys", multiple=True, metavar="KEY",
              help="Key under which objects hold a URL; the first given is the best.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Keep no more pictures than this in this run.")
@click.option("--min-side", type=click.IntRange(1), default=64, show_default=True, help="Of a picture, in pixels.")
@face_options
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Downloads at once.")
@click.option("--per-host", type=click.IntRange(1, 64), default=4, show_default=True, help="Of these from one host.")
@click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="After passing failures.")
@click.option("--timeout", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds for a picture.")
@click.option("--max-megabytes", type=click.FloatRange(0, min_open=True), default=20.0, show_default=True,
              help="Largest file that is taken.")  # fmt: skip
@click.option("--user-agent", default=USER_AGENT, show_default=True, help="How the downloads name themselves.")
@click.option("--allow-private", is_flag=True, help="Ask also hosts of this machine and its network.")
def command(**given: Any) -> None:
    """Collect real faces behind the URLs of a JSON export.

    The export is a list of URLs, or of objects with image, url, thumbnail and the like, at any depth; or one of these a
    line. What is no picture, too large, or here already (also resized or saved again) is left out; what failed for the
    moment is tried again by the next run.

    \b
    Examples:
      fakesweep collect fetch faces/ --from export.json --source portraits --faces-only
      fakesweep collect fetch faces/ --from hits.jsonl --source archive --url-key large_url --licence CC-BY-4.0
    """
    from training.collect.addresses import AddressRule
    from training.collect.download import Downloader
    from training.collect.entries import URL_KEYS, read_entries
    from training.collect.fetch import OUTCOMES, Fetching, FetchOptions
    from training.collect.stores import open_store
    from training.collect.target import opened_target
    from worker.settings import read_settings

    options = FetchOptions(
        source=given["source"],
        label=given["label"],
        licence=given["licence"],
        limit=given["limit"],
        threads=given["concurrency"],
        per_host=given["per_host"],
        retries=given["retries"],
        min_side_px=given["min_side"],
        faces=face_rule(**{name: given[name] for name in ("faces_only", "one_face", "min_face_px")}),
    )
    access = {"endpoint_url": given["endpoint_url"], "is_anonymous": given["is_anonymous"]}
    content = _read_export(given["export"], access)
    entries = read_entries(content, name=given["export"], url_keys=given["url_keys"] or URL_KEYS)
    downloader = Downloader(
        AddressRule(allow_private=given["allow_private"]),
        given["user_agent"],
        max_bytes=round(given["max_megabytes"] * _MEGABYTE),
        timeout_s=given["timeout"],
    )
    with opened_target(open_store(given["target"], **access), home=read_settings().home) as target:
        tally = Fetching(options, target, downloader, say=SparseLines()).run(entries)
    known = f"; {tally['known']} known from before" if tally["known"] else ""
    click.echo(", ".join(f"{tally[name]} {name}" for name in OUTCOMES) + known)
    if tally["failed"]:
        click.echo("Run the same command again to try what failed.", err=True)
        raise click.exceptions.Exit(SOME_FAILED)


def _read_export(place: str, access: dict[str, Any]) -> bytes:
    from training.collect.stores import open_store

    folder, _, name = place.rpartition("/")
    if "://" not in place:
        folder = folder or ("/" if place.startswith("/") else ".")
    content = open_store(folder, **access).read(name)
    if content is None:
        raise click.ClickException(f"no file at {place}: name the export")
    return content
