"""The face detector's network, placed here by scripts/fetch_weights."""
