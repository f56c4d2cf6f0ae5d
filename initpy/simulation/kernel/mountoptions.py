"""Mount options that only some file systems know: ext4(5), xfs(5), btrfs(5).

Not all options are listed, but those that users give to the wrong file system, as after a change of
root's type. One that is in no list is taken.
"""

_KNOWN = {
    "btrfs": (
        "subvol subvolid compress compress-force degraded device space_cache nospace_cache ssd "
        "nossd autodefrag rescue nologreplay thread_pool max_inline discard nodiscard"
    ),
    "ext": (
        "data errors noload norecovery journal_path journal_dev commit delalloc nodelalloc "
        "stripe minixdf bsddf barrier discard nodiscard"
    ),
    "xfs": (
        "logdev rtdev norecovery inode64 inode32 logbufs logbsize largeio swalloc allocsize uquota "
        "pquota gquota discard nodiscard"
    ),
}
KNOWN = {kind: frozenset(text.split()) for kind, text in _KNOWN.items()}
OF_ANY = frozenset().union(*KNOWN.values())


def takes_all(kind: str, options: tuple[str, ...]) -> bool:
    """Whether a file system of this kind knows each of them; False: the mount fails."""
    family = "ext" if kind.startswith("ext") else kind
    names = {each.partition("=")[0] for each in options}
    return not names & (OF_ANY - KNOWN.get(family, frozenset()))
