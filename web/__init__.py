"""What you look at: the HTTP API, the pages, and what guards them."""
