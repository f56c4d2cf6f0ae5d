"""Builds an image: collects its content, tries it, writes it, proves and installs it."""
