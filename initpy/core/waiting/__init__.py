"""Deadlines, and what holds them."""
