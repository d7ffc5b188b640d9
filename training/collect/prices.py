"""Says what pictures will cost, from prices that the user gave; none is known here."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from training.errors import TrainingError

_CONDITIONS = ("model", "size", "quality", "operation")


@dataclass(frozen=True)
class PriceRule:
    """One line of a price list.

    Args:
        each: for one picture, in whatever currency the list is in.
        conditions: such as (("size", "1024x1024"),); all must hold.
    """

    each: Decimal
    conditions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not (self.each.is_finite() and self.each >= 0):
            raise TrainingError(f"a price must be a number that is not below zero, got {self.each}: correct it")


def price_of(rules: Sequence[PriceRule], facts: Mapping[str, str]) -> Decimal | None:
    """The price of one picture by the first rule that fits, None where none does.

    Args:
        facts: model, size, quality and operation.
    """
    fitting = (rule for rule in rules if all(facts.get(name, "") == value for name, value in rule.conditions))
    return next((rule.each for rule in fitting), None)


def read_prices(path: Path) -> tuple[PriceRule, ...]:
    """The rules of a TOML file: tables [[price]] with `each` and any of model, size, quality, operation.

    Raises:
        TrainingError: it is no such file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is no TOML file ({error}): correct it") from error
    tables = content.get("price")
    if not isinstance(tables, list) or not tables:
        raise TrainingError(f"{path} has no [[price]] table: write one with `each = 0.04`")
    return tuple(_rule_of(path, number, table) for number, table in enumerate(tables, start=1))


def _rule_of(path: Path, number: int, table: Any) -> PriceRule:
    unknown = set(table) - {*_CONDITIONS, "each"} if isinstance(table, dict) else {str(table)}
    each = table.get("each") if isinstance(table, dict) else None
    if unknown or isinstance(each, bool) or not isinstance(each, int | Decimal):
        raise TrainingError(
            f"{path}, [[price]] number {number}: it needs a number `each`, and may have {', '.join(_CONDITIONS)};"
            f" got {table}"
        )
    return PriceRule(Decimal(each), tuple((name, str(table[name])) for name in _CONDITIONS if name in table))
