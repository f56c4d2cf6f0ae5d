"""initpy: an event-driven init for the initramfs."""

__version__ = "0.1.0"
