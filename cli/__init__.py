"""What you type: one command per file."""
