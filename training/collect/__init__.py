"""How material for training is collected: generated faces, faces behind URLs, directories and object stores."""
