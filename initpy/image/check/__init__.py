"""Proves that an image boots a given root, layer by layer."""
