"""Sums of tallies with the changes that wait beside them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all

from db.tables.batches import Tally, TallyChange

Condition = Callable[[type[Tally] | type[TallyChange]], ColumnElement[bool]]
"""Of either table, which rows count."""


def sum_tallies(*keys: str, where: Condition) -> Select[*tuple[Any, ...]]:
    """The columns of these names, then how many entries share their values; that may be none."""
    parts = union_all(
        *(
            select(*(getattr(table, key) for key in keys), amount.label("amount")).where(where(table))
            for table, amount in ((Tally, Tally.total), (TallyChange, TallyChange.change))
        )
    ).subquery()
    columns = [parts.c[key] for key in keys]
    return select(*columns, func.sum(parts.c.amount)).group_by(*columns)


def batches_that_hold(where: Condition) -> Select[*tuple[Any, ...]]:
    """The ids of the batches that have entries of this kind, as `batch_id`."""
    sums = sum_tallies("batch_id", where=where)
    batch_id, amount = sums.selected_columns
    return sums.with_only_columns(batch_id).having(amount > 0)
