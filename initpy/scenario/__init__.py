"""Scenario files: a machine, the user's input, faults, and the expected result. Pure functions."""
