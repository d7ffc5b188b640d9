"""What `fakesweep doctor` looks at: each check answers with one finding."""
