"""How requests to an image API are sent, and what they may cost."""

from dataclasses import dataclass
from decimal import Decimal

from training.collect.waiting import Pace
from training.errors import TrainingError


@dataclass(frozen=True)
class Purse:
    """What may be spent.

    Args:
        each: price of one picture, None where it is unknown.
        most: of all runs that share the ledger, None for no limit.
    """

    each: Decimal | None = None
    most: Decimal | None = None

    def __post_init__(self) -> None:
        if self.most is not None and self.each is None:
            raise TrainingError("--max-cost needs a price: give --price or --prices")


@dataclass(frozen=True)
class Terms:
    """How requests are sent.

    Args:
        retries: further attempts after a busy or broken answer.
    """

    pace: Pace
    purse: Purse
    retries: int = 5
