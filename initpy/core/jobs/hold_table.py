"""The table of holds: which kind of hold stops which kind of deadline (R6, R7)."""

import enum


class DeadlineKind(enum.Enum):
    """What a deadline is for: a column of the table of holds."""

    ROOT = "root wait"
    ASSEMBLY = "assembly"  # something is started, or mounted, without its missing parts
    LAST_RESORT = "last resort"  # something is tried because nothing else has led to root
    LOOK = "look"  # all that can be read on what is looked into was read
    LOOK_LIMIT = "limit of a look"
    END = "end of the boot"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class HoldKind(enum.Enum):
    """Why a deadline does not count: a row of the table. Handlers declare theirs."""

    SHELL = "shell"  # a break point is open
    PERSON = "person"  # a user is asked, or a key is tried
    QUESTION = "question"  # a user is asked whether an array may start degraded
    SERVER = "server"  # a login that makes disks appear
    WORK = "work"  # a command that may reveal a member
    CHECK = "check"
    MOUNT = "mount"  # of root
    EXTRA_MOUNT = "extra mount"  # of what root's file is on, or of what belongs below root
    NONE = "none"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


_ROOT, _ASSEMBLY = DeadlineKind.ROOT, DeadlineKind.ASSEMBLY
_LOOK, _LIMIT = DeadlineKind.LOOK, DeadlineKind.LOOK_LIMIT
_LAST, _END = DeadlineKind.LAST_RESORT, DeadlineKind.END

# For each kind of hold, in the order in which they are looked for, the deadlines that it stops.
# Deadlines of assemblies are stopped only by what may reveal one of the parts.
STOPS: dict[HoldKind, tuple[DeadlineKind, ...]] = {
    HoldKind.SHELL: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _LIMIT, _END),
    HoldKind.PERSON: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _LIMIT, _END),
    HoldKind.QUESTION: (_ROOT, _ASSEMBLY, _END),
    HoldKind.SERVER: (_ASSEMBLY, _LAST),
    HoldKind.WORK: (_ASSEMBLY, _LAST, _LOOK),
    HoldKind.CHECK: (_ROOT, _END),
    HoldKind.MOUNT: (_ROOT, _LAST),
    HoldKind.EXTRA_MOUNT: (_ROOT,),
    HoldKind.NONE: (),
}

# The same by deadline.
STOPPED_BY: dict[DeadlineKind, tuple[HoldKind, ...]] = {
    deadline: tuple(kind for kind, stops in STOPS.items() if deadline in stops)
    for deadline in DeadlineKind
}

# Deadlines that are stopped only by what may reveal what they wait for.
SELECTIVE = (_ASSEMBLY, _LAST, _LOOK)
# The kinds of hold that stop these alone.
WORKING = tuple(kind for kind, stops in STOPS.items() if set(stops) <= set(SELECTIVE))
