"""Who types."""

import getpass


def user_name() -> str | None:
    """The name of the account, None where the system has none for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has no name.
        return None
