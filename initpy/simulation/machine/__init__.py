"""The engine, PID 1, consoles and users of a simulated machine."""
