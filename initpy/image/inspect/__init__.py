"""Finding out what is in an image, and why."""
