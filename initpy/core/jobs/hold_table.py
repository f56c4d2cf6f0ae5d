"""The table of holds: which kind of hold stops which kind of deadline (R6, R7)."""

import enum


class DeadlineKind(enum.Enum):
    """What a deadline is for: a column of the table of holds."""

    ROOT = "root wait"
    ASSEMBLY = "assembly"  # something is started, or mounted, without its missing parts
    LAST_RESORT = "last resort"  # something is tried because nothing else has led to root
    RESUME = "resume"  # root is there, and a hibernated system may still turn up (R20)
    LOOK = "look"  # all that can be read on what is looked into was read
    LOOK_LIMIT = "limit of a look"
    END = "end of the boot"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class HoldKind(enum.Enum):
    """Why a deadline does not count: a row of the table. Handlers declare theirs."""

    SHELL = "shell"  # a break point is open; or a user is in the shell of a counted boot (END only)
    PERSON = "person"  # a user is asked, or a key is tried
    QUESTION = "question"  # a user is asked whether an array may start degraded
    SERVER = "server"  # a login that makes disks appear
    WORK = "work"  # a command that may reveal a member
    START = "start"  # a command starts what root stands on, and may take long
    RESUME = "resume"  # the kernel looks for a hibernated system
    UNREADY = "unready"  # a device is there whose job may reveal a member, and cannot run yet
    CHECK = "check"
    MOUNT = "mount"  # of root
    EXTRA_MOUNT = "extra mount"  # of what root's file is on, or of what belongs below root
    UNANSWERED = "unanswered"  # the boot is counted, and a user was asked in vain
    NONE = "none"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


_ROOT, _ASSEMBLY = DeadlineKind.ROOT, DeadlineKind.ASSEMBLY
_LOOK, _LIMIT = DeadlineKind.LOOK, DeadlineKind.LOOK_LIMIT
_LAST, _END = DeadlineKind.LAST_RESORT, DeadlineKind.END
_RESUME = DeadlineKind.RESUME

# For each kind of hold, in the order in which they are looked for, the deadlines that it stops.
# Deadlines of assemblies are stopped only by what may reveal one of the parts.
STOPS: dict[HoldKind, tuple[DeadlineKind, ...]] = {
    HoldKind.SHELL: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _LIMIT, _RESUME, _END),
    HoldKind.PERSON: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _LIMIT, _END),
    HoldKind.QUESTION: (_ROOT, _ASSEMBLY, _END),
    HoldKind.SERVER: (_ASSEMBLY, _LAST),
    HoldKind.WORK: (_ASSEMBLY, _LAST, _LOOK, _RESUME),
    HoldKind.START: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _RESUME, _END),
    HoldKind.RESUME: (_ROOT, _ASSEMBLY, _LAST, _LOOK, _LIMIT, _RESUME, _END),
    HoldKind.UNREADY: (_ASSEMBLY, _LAST, _LOOK, _RESUME),
    HoldKind.CHECK: (_ROOT, _END),
    HoldKind.MOUNT: (_ROOT, _LAST),
    HoldKind.EXTRA_MOUNT: (_ROOT,),
    HoldKind.UNANSWERED: (_END,),
    HoldKind.NONE: (),
}

# What an assembly has left at least after its last hold: something that might have revealed a
# member has ended, and its events are to arrive. The member's own job holds the deadline again.
GRACE_SECONDS = 5.0

# The same by deadline.
STOPPED_BY: dict[DeadlineKind, tuple[HoldKind, ...]] = {
    deadline: tuple(kind for kind, stops in STOPS.items() if deadline in stops)
    for deadline in DeadlineKind
}

# Deadlines that are stopped only by what may reveal what they wait for.
SELECTIVE = (_ASSEMBLY, _LAST, _LOOK, _RESUME)
# The kinds of hold by which a job stops assemblies while its command runs: it may reveal a part.
REVEALING = tuple(kind for kind, stops in STOPS.items() if _ASSEMBLY in stops)
# The kinds of hold that stop these alone.
WORKING = tuple(kind for kind, stops in STOPS.items() if set(stops) <= set(SELECTIVE))
