"""A kernel's modules and firmware: which an image needs."""
