"""File formats that images are made of, read and written."""
