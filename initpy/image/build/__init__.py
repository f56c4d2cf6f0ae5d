"""Building an image: stages, trial, output, installation."""
