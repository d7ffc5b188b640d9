"""One file per change of the tables, named by what it does."""
