"""What is remembered, a module per subject. SQL is the truth; the broker only carries ids.

Foreign keys name tables of other modules, and migrations compare with them all: whoever loads one loads every one.
"""

from db.tables import batches, classifiers, contents, crew, findings, notices, people, scans

__all__ = ["batches", "classifiers", "contents", "crew", "findings", "notices", "people", "scans"]
