"""Brings what the command line asks of the network into the settings in the making."""

from initpy.config import root
from initpy.config.draft import Draft
from initpy.config.network import wish


def finish(draft: Draft, share: str) -> None:
    """Set the network, and the root if it is there.

    SHARE: the type in rootfstype= that makes the value of root= a share; "": none does.
    """
    asked = wish.Wish()
    flags, _ = root.joined(draft.flags.get("rootflags", ()))
    for parameter in draft.network:
        asked.take(parameter)
    if not draft.root_given:
        asked.take_lone_nfsroot()
    if share and draft.root_word is not None:
        asked.take_typed(draft.root_word, share, flags)
    types = draft.settings.mount.types
    found = asked.finish(None if share else draft.settings.root, types, flags)
    draft.problems.extend(found.problems)
    if found.taken:
        draft.flags["rootflags"] = root.without(draft.flags["rootflags"], found.taken)
    draft.set(network=found.network)
    if found.elsewhere or found.device is not None:
        draft.root_given = True
        draft.set(root=found.device)
    draft.mount(types=types or found.types, flags=found.flags, writable=bool(found.writable))
