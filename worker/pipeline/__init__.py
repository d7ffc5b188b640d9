"""One video in, one verdict out: pure, without queue or database."""
