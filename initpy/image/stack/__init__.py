"""What the root of a system stands on, and what an image for it must hold."""
