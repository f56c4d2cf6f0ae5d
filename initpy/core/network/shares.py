"""What to say of a tag by which the hypervisor shares no folder."""

from collections.abc import Sequence


def no_share(there: Sequence[str] | None) -> str:
    """Say that no folder is shared by the tag; `there`: the tags that are, None: unknown."""
    if there is None:
        return "the hypervisor shares no folder by this tag (or rootflags= has a wrong option)"
    known = f"its tags are: {', '.join(sorted(there))}" if there else "it shares none"
    return f"the hypervisor shares no folder by this tag; {known}"
