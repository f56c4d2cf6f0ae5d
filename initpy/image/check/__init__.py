"""Proving that an image can boot a machine."""
