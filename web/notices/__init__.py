"""Tells people and programs elsewhere: webhooks and e-mail, from a box in the database."""
