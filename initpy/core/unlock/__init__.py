"""Encrypted volumes: where a secret comes from, and what opened the volume."""
