"""Turns the options of `fakesweep collect generate` into what is wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import click

from cli.collecting import face_rule

if TYPE_CHECKING:
    from pathlib import Path

    from training.collect.generation_plan import GenerateOptions


def options_of(given: dict[str, Any]) -> GenerateOptions:
    """What is wanted.

    Raises:
        TrainingError: a picture, a price list or a name cannot be used.
    """
    from training.collect.bases import read_bases
    from training.collect.generation_plan import GenerateOptions
    from training.collect.places import source_named_after
    from training.collect.prices import PriceRule, price_of, read_prices
    from training.collect.wishes import Operation, Settings, Subject

    operation = cast("Operation", _operation(given))
    paths: tuple[Path, ...] = given["variations"] + given["edits"]
    bases = read_bases(paths, operation) if paths else {}
    prompts = _prompts(given) if operation != "variations" else [""]
    settings = Settings(operation, given["model"], given["size"], given["quality"], _more(given["more"]))
    rules: list[PriceRule] = [] if given["price"] is None else [PriceRule(given["price"])]
    rules += read_prices(given["price_file"]) if given["price_file"] else []
    facts = {"model": settings.model, "size": settings.size, "quality": settings.quality, "operation": operation}
    return GenerateOptions(
        settings=settings,
        subjects=tuple(Subject(prompt, base) for base in bases or ("",) for prompt in prompts),
        source=given["source"] or source_named_after(settings.model),
        count=given["count"],
        licence=given["licence"],
        per_request=given["per_request"],
        threads=given["concurrency"],
        retries=given["retries"],
        each=price_of(rules, facts),
        most=given["max_cost"],
        retry_lost=given["retry_lost"],
        faces=face_rule(**{name: given[name] for name in ("faces_only", "one_face", "min_face_px")}),
        bases=bases,
    )


def _operation(given: dict[str, Any]) -> str:
    if given["variations"] and given["edits"]:
        raise click.UsageError("--variations and --edits are two runs: give one of them")
    if given["variations"] and (given["prompts"] or given["prompt_file"]):
        raise click.UsageError("variations take no prompt: use --edits to change pictures as a prompt says")
    return "variations" if given["variations"] else "edits" if given["edits"] else "generations"


def _prompts(given: dict[str, Any]) -> list[str]:
    from training.collect.wishes import read_prompts

    lines = list(given["prompts"])
    if given["prompt_file"]:
        lines += _read_text(given["prompt_file"]).split("\n")
    prompts = read_prompts(lines)
    if not prompts:
        raise click.UsageError("there is no prompt: give --prompt TEXT or --prompts FILE")
    return prompts


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not in UTF-8 ({error}): save it so") from error


def _more(pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Fields of the request as JSON: numbers, true and false as such, everything else as text."""
    fields: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not (name and separator):
            raise click.UsageError(f"--set takes NAME=VALUE, got {pair!r}")
        try:
            fields[name] = json.dumps(json.loads(value))
        except ValueError:
            fields[name] = json.dumps(value)
    return tuple(sorted(fields.items()))
