"""Finds options of a mount that its file system does not know, by the words in its driver.

A driver has the names of its options as texts: `commit`, `commit=%d` or `errors=panic` (fs_parser.c
and parser.c of the kernel). An option that the driver lacks makes the mount fail.
"""

import re
from collections.abc import Iterable

# mount(8): those of every file system, and those that no kernel sees.
WORDS = """
ro rw sync async dirsync atime noatime diratime nodiratime relatime norelatime strictatime
nostrictatime lazytime nolazytime mand nomand suid nosuid dev nodev exec noexec silent loud
iversion noiversion defaults auto noauto user nouser users owner group nofail _netdev remount
symfollow nosymfollow context fscontext defcontext rootcontext seclabel smackfsdef smackfsfloor
smackfshat smackfsroot smackfstransmute uid gid umask size mode uhelper helper comment bind rbind
private shared slave unbindable rprivate rshared rslave runbindable move loop offset sizelimit
encryption
"""
OF_ALL = frozenset(re.findall(r"\S+", WORDS))
USERS = re.compile(r"[xX]-|verity\.|bind\.")


def unknown(options: Iterable[str], driver: bytes, shown: Iterable[str]) -> tuple[str, ...]:
    """Return the names of options that neither mount(8) nor the driver knows.

    `shown` are options of a mount that there is.
    """
    here = {each.partition("=")[0] for each in shown}
    names = dict.fromkeys(each.partition("=")[0] for each in options if each)
    return tuple(
        name for name in names
        if name not in OF_ALL and name not in here and not USERS.match(name)
        and not _has(driver, name)
        and not (name.startswith("no") and _has(driver, name.removeprefix("no")))
    )  # fmt: skip


def _has(driver: bytes, name: str) -> bool:
    return re.search(rb"\0" + re.escape(name.encode()) + rb"(?:=[^\0]*)?\0", driver) is not None
