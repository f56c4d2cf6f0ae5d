"""Builds the initramfs image from the running system."""
