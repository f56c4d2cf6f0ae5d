"""What goes into an image besides the kernel's part: Python, programs, udev, job files."""
