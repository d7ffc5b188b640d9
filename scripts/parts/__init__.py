"""What the scripts are made of where shell is not enough; never part of the installed package."""
