"""Deadlines: what holds them, how they go on, the countdown to the end of a failed boot."""
