"""Lists what an image contains, compares two images, and tells why a file is in one."""
