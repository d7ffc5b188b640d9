"""How results look: tables, CSV, JSON, names and units that are safe to show."""
