"""Prices come from the user alone."""

from decimal import Decimal
from pathlib import Path

import pytest

from training.collect.prices import PriceRule, price_of, read_prices
from training.errors import TrainingError

LIST = """
[[price]]
model = "m1"
size = "1024x1024"
quality = "high"
each = 0.1

[[price]]
model = "m1"
each = 2
"""


def test_the_first_rule_that_fits_decides(tmp_path: Path) -> None:
    """Conditions that a rule does not name hold always; amounts are exact."""
    path = tmp_path / "prices.toml"
    path.write_text(LIST)
    rules = read_prices(path)
    facts = {"model": "m1", "size": "1024x1024", "quality": "high", "operation": "generations"}

    assert price_of(rules, facts) == Decimal("0.1")
    assert price_of(rules, {**facts, "quality": "low"}) == Decimal(2)
    assert price_of(rules, {**facts, "model": "m2"}) is None
    assert price_of([], facts) is None


@pytest.mark.parametrize(
    "text",
    ["each = 1", "[[price]]\nmodel = 'm'", "[[price]]\neach = 'x'", "[[price]]\neach = true", "[[price]]\neach = -1",
     "[[price]]\neach = nan", "[[price]]\neach = 1\nmodle = 'm'", "price = [1]", "["],
)  # fmt: skip
def test_refuses_a_wrong_list(tmp_path: Path, text: str) -> None:
    """A misspelt condition or an amount that is none is an error, not a price."""
    path = tmp_path / "prices.toml"
    path.write_text(text)

    with pytest.raises(TrainingError):
        read_prices(path)


def test_a_price_is_not_negative() -> None:
    """Nobody pays us."""
    with pytest.raises(TrainingError, match="below zero"):
        PriceRule(Decimal("-0.01"))
