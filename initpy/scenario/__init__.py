"""Scenario files: a machine, its people and faults, what must come of it. Pure."""
