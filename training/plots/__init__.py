"""Plots as SVG text, without a script: pure functions from figures to markup, coloured by the page's style sheet."""
