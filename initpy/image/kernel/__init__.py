"""Reads a kernel's modules, firmware and configuration, and selects those that an image needs."""
