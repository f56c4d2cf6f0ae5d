"""The options of an NFS mount that kernels take, and their values (nfs(5), fs/nfs/fs_context.c).

mount(2) refuses all options for one that it does not know, without a word on which. So a value that
no kernel takes is found before, and left out. A name that is not listed may be one of a newer
kernel: it is passed on, and left out once the kernel refuses.
"""

import re
from collections.abc import Iterable

FLAGS = frozenset((
    "ac", "noac", "acl", "noacl", "alignwrite", "noalignwrite", "cto", "nocto", "fg", "bg",
    "fsc", "nofsc", "hard", "soft", "softerr", "softreval", "nosoftreval", "intr", "nointr",
    "lock", "nolock", "migration", "nomigration", "posix", "noposix", "rdirplus", "nordirplus",
    "rdma", "resvport", "noresvport", "sharecache", "nosharecache", "sloppy", "tcp", "tcp6",
    "udp", "udp6", "trunkdiscovery", "notrunkdiscovery", "v2", "v3", "v4", "v4.0", "v4.1",
    "v4.2",
))  # fmt: skip
# Of every file system (mount(8), systemd.mount(5)): flags of mount(2), or for other programs.
COMMON = frozenset((
    "ro", "rw", "async", "sync", "atime", "noatime", "auto", "noauto", "defaults", "dev",
    "nodev", "diratime", "nodiratime", "dirsync", "exec", "noexec", "group", "nogroup",
    "iversion", "noiversion", "lazytime", "nolazytime", "mand", "nomand", "_netdev", "nofail",
    "owner", "noowner", "relatime", "norelatime", "strictatime", "nostrictatime", "suid",
    "nosuid", "symfollow", "nosymfollow", "user", "nouser", "users", "nousers", "silent",
    "loud",
))  # fmt: skip
COMMENTS = ("x-", "X-", "comment=")
# Numbers: the least and the largest.
NUMBERS = {
    "acdirmax": (0, 2**31 - 1), "acdirmin": (0, 2**31 - 1), "acregmax": (0, 2**31 - 1),
    "acregmin": (0, 2**31 - 1), "actimeo": (0, 2**31 - 1), "bsize": (0, 2**32 - 1),
    "max_connect": (1, 16), "minorversion": (0, 2), "mountport": (0, 65535),
    "mountvers": (1, 3), "namlen": (0, 2**32 - 1), "nconnect": (1, 16), "port": (0, 65535),
    "retrans": (0, 2**31 - 1), "retry": (0, 2**31 - 1), "rsize": (0, 2**32 - 1),
    "timeo": (1, (2**31 - 1) // 10), "wsize": (0, 2**32 - 1),
}  # fmt: skip
WORDS = {
    "fatal_neterrors": ("default", "ENETDOWN:ENETUNREACH", "ENETUNREACH:ENETDOWN", "none"),
    "local_lock": ("all", "flock", "none", "posix"),
    "lookupcache": ("all", "none", "pos", "positive"),
    "mountproto": ("tcp", "tcp6", "udp", "udp6"),
    "proto": ("rdma", "rdma6", "tcp", "tcp6", "udp", "udp6"),
    "rdirplus": ("force", "none"),
    "write": ("eager", "lazy", "wait"),
    "xprtsec": ("none", "tls", "mtls"),
}
# A list with colons, the first that the server allows (rpcsec_gss: krb5 and others).
SECURITY = ("none", "null", "sys", "krb5", "krb5i", "krb5p", "lkey", "lkeyi", "lkeyp", "spkm",
            "spkmi", "spkmp")  # fmt: skip
# Values that may be anything, or that are not for the kernel to judge.
FREE = frozenset((
    "addr", "cert_serial", "clientaddr", "context", "defcontext", "fscontext", "fsc",
    "mountaddr", "mounthost", "nfsvers", "privkey_serial", "rootcontext", "source", "vers",
))  # fmt: skip
NUMBER = re.compile("[0-9]{1,12}|0[xX][0-9a-fA-F]{1,12}")
UDP = frozenset(("udp", "udp6", "proto=udp", "proto=udp6"))


def problem(option: str) -> str:
    """Say what would be right for an option whose value no kernel takes, "" for others."""
    name, sign, value = option.partition("=")
    if name in NUMBERS:
        least, most = NUMBERS[name]
        if (
            NUMBER.fullmatch(value)
            and least <= int(value, 0 if "x" in value.lower() else 10) <= most
        ):
            return ""
        upper = f"to {most}" if most < 1 << 16 else "on"
        return f"{name}=, a number from {least} {upper}, not {value!r}"
    if name in WORDS and (sign or name not in FLAGS):
        right = value in WORDS[name]
        return "" if right else f"{name}=, one of {', '.join(WORDS[name])}, not {value!r}"
    if name == "sec":
        wrong = [each for each in value.split(":") if each not in SECURITY]
        return f"sec=, one of sys and none, not {wrong[0]!r}" if wrong else ""
    if name in FLAGS and name not in FREE and sign:
        return f"{name} without a value, not {option!r}"
    return ""


def is_known(option: str) -> bool:
    """Return whether nfs(5) or mount(8) knows the name of an option."""
    name = option.partition("=")[0]
    listed = (FLAGS, COMMON, NUMBERS, WORDS, FREE, ("sec",))
    return any(name in each for each in listed) or option.startswith(COMMENTS)


def is_odd(option: str) -> bool:
    """Return whether there is something to say of an option, or it excludes a version."""
    return bool(problem(option)) or not is_known(option) or option in UDP


def unknown(options: Iterable[str]) -> tuple[str, ...]:
    """Return the options of which the kernel may know the name, and nfs(5) does not."""
    return tuple(each for each in options if not is_known(each))
