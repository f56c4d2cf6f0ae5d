"""Reads and writes the file formats of images: cpio, ELF, PE, compressed streams, kmod indexes."""
