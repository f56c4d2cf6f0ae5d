"""Which names of parameters may be meant for an initramfs although initpy reads none such.

Only these are looked up in `parametertable`, which holds them all; a test compares the two. What is
not among them is for the kernel or the real system.
"""

BEGINNINGS = ("rd.", "rd-", "initpy.", "systemd.verity-", "vconsole.", "iscsi-", "nvmf.")
NAMES = frozenset(
    (
        "team", "fcoe", "cifsuser", "cifspass",
        "blacklist", "earlymodules", "iso-scan", "findiso", "archisobasedir",
        "archisolabel", "archisodevice", "img-dev", "img-loop", "live-media", "rootfallback",
        "root.journaldev", "masterkey", "masterkeytype", "evmkey", "evmx509", "ecryptfskey",
        "disablehooks", "overlayroot-cfgdisk", "toram", "copytoram", "roothash", "usrhash",
        "rootovl", "fsprotect", "lockfs", "aufs", "unionfs", "rdbreak", "rdshell",
        "rddebug", "rdinitdebug", "rdnetdebug", "rdudevdebug", "rdudevinfo",
    )
)  # fmt: skip


def may_be_ours(key: str) -> bool:
    """True for a name, with `-` for `_`, that is to be looked up.

    A letter of no parameter's name, such as a no-break space, came in by copying from a page.
    """
    return key.startswith(BEGINNINGS) or key in NAMES or not key.isascii()
