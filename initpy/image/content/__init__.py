"""Chooses an image's content: Python modules, programs, udev rules, job files, configuration."""
