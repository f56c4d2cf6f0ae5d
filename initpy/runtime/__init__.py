"""The real world: PID 1, the engine process, udev, processes, consoles, mounts, handover."""
