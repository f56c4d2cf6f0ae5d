"""What must be true of a boot, by rules that share nothing with the core."""
