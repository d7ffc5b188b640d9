"""What is scanned next."""
