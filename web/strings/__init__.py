"""Every word that the pages show, a module per subject; another language is another mapping of the same keys."""
