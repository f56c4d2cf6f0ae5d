"""Whether the library that the network of an image needs is on this machine."""

import importlib.util

from initpy.image.content.python import NETWORK_LIBRARY
from initpy.image.missing import module_package


def is_installed() -> bool:
    """Return whether an image made here can have a network."""
    return importlib.util.find_spec(NETWORK_LIBRARY) is not None


def warning() -> str:
    """Return the line for a generic image that has none, as most machines' roots need none."""
    package = module_package(NETWORK_LIBRARY)
    return f"the image finds no root on the network: {package} is missing: apt install {package}"
