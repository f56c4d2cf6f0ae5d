"""Journals of boots: recorded, replayed, compared."""
