"""Models of the kernel and udev."""
