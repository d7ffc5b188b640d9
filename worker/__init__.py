"""How a video is judged."""
