"""The simulated machine's devices and faults, and when what happens."""
