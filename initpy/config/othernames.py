"""Which names of parameters may be meant for an initramfs although initpy reads none such.

Only these are looked up in `parametertable`, which holds them all; a test compares the two. What is
not among them is for the kernel or the real system.
"""

BEGINNINGS = (
    "ostree.",
    "composefs.",
    "rd.",
    "rd-",
    "initpy.",
    "systemd.verity-",
    "vconsole.",
    "iscsi-",
    "nvmf.",
    "rootrw",
)
# Many initramfs, distributions and boards have a parameter of their own for an overlay over root:
# one that nobody here knows must not lead to a root that is written to. The kernel's module has its
# parameters behind a dot.
OF_OVERLAYS = "overlay"
OF_MODULE = "overlay."
NAMES = frozenset(
    (
        "team", "ib.pkey", "fcoe", "cifsuser", "cifspass", "ostree", "composefs",
        "blacklist", "earlymodules", "iso-scan", "findiso", "fromiso", "archisobasedir",
        "archisolabel", "archisodevice", "img-dev", "img-loop", "live-media", "rootfallback",
        "root.journaldev", "masterkey", "masterkeytype", "evmkey", "evmx509", "ecryptfskey",
        "archisosearchuuid", "archisosearchfilename", "misobasedir", "misolabel", "isoboot",
        "iso-scan/filename", "cdroot", "alpine-dev", "apkovl", "boot.persistence",
        "cos-img/filename", "zfs", "rpool", "bootfs", "zfs-bootfs", "bootfs.snapshot",
        "bootfs.rollback", "spl-hostid", "netmask", "gateway", "crypt-roots", "crypt-swaps",
        "pmos-root", "pmos-root-uuid", "crypt-root",
        "crypt-root-options", "crypt-swap", "crypt-swap-options", "luksdev", "lukskey", "lukstrim",
        "cryptroot", "cryptdm", "cryptheader", "cryptdiscards", "root-key", "root-keydev",
        "root-keydev-fstype", "root-header", "root-headerdev", "root-headerdev-fstype",
        "root-trim", "swap-key", "swap-keydev", "swap-keydev-fstype", "swap-header",
        "swap-headerdev", "swap-headerdev-fstype", "usr", "usrflags", "overlaytmpfs",
        "verity.root", "verity.roothash", "verity.usr", "verity.usrhash", "SYSFONT", "real-root",
        "real-rootflags", "real-init", "real-resume", "fstype", "waitforroot",
        "ugrd-livecd-label", "ugrd-squashfs-image", "ugrd-mount-timeout", "ugrd-no-fsck", "subdir",
        "overlayfs", "gk.emergency",
        "disablehooks", "overlayroot-cfgdisk", "toram", "copytoram", "roothash", "usrhash",
        "rootovl", "fsprotect", "lockfs", "aufs", "unionfs", "rdbreak", "rdshell",
        "rddebug", "rdinitdebug", "rdnetdebug", "rdudevdebug", "rdudevinfo",
    )
)  # fmt: skip


def may_be_ours(key: str) -> bool:
    """True for a name, with `-` for `_`, that is to be looked up.

    A letter of no parameter's name, such as a no-break space, came in by copying from a page.
    """
    if OF_OVERLAYS in (low := key.lower()) and not low.startswith(OF_MODULE):
        return True
    return key.startswith(BEGINNINGS) or key in NAMES or not key.isascii()
