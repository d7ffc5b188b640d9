"""How the judge is made."""
