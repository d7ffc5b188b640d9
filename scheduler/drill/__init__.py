"""Faults on purpose: a private installation is hurt in every way that we know of, and must lose nothing."""
