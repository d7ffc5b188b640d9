"""What was finished last: a look at the end of the archive, which costs the same however large that is."""

from sqlalchemy import Subquery, select

from db.tables.scans import Scan


def finished_of_late(most: int) -> Subquery:
    """The ids of the scans that were finished last, at most so many, for a query that looks at nothing older."""
    return select(Scan.id).where(Scan.finished_at.is_not(None)).order_by(Scan.finished_at.desc()).limit(most).subquery()
