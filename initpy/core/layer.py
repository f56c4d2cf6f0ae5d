"""The technologies that a user can switch off or narrow down by name (R1)."""

import enum


class Layer(enum.Enum):
    """Technologies that a user can switch off or narrow down by name (R1)."""

    MD = "md"
    LVM = "lvm"
    LUKS = "luks"

    __hash__ = object.__hash__
