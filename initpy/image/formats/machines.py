"""Which kinds of ELF files the kernel of a machine runs and loads, by the name of `uname -m`.

And what reading a damaged one raises.
"""

# What pyelftools raises of a damaged file: it validates little of what it reads.
UNCHECKED = (ValueError, KeyError, IndexError, OverflowError, TypeError, AssertionError)
Kind = tuple[str, int]  # machine and word size, as pyelftools calls them

# The first is that of the kernel and its modules; programs of the others may run, too.
KINDS: dict[str, tuple[Kind, ...]] = {
    "x86_64": (("EM_X86_64", 64), ("EM_386", 32)),
    "aarch64": (("EM_AARCH64", 64), ("EM_ARM", 32)),
    "riscv64": (("EM_RISCV", 64), ("EM_RISCV", 32)),
    "ppc64le": (("EM_PPC64", 64),),
    "ppc64": (("EM_PPC64", 64), ("EM_PPC", 32)),
    "s390x": (("EM_S390", 64), ("EM_S390", 32)),
    "loongarch64": (("EM_LOONGARCH", 64),),
    "mips64": (("EM_MIPS", 64), ("EM_MIPS", 32)),
    **dict.fromkeys(("i386", "i486", "i586", "i686"), (("EM_386", 32),)),
    **dict.fromkeys(("armv5tel", "armv6l", "armv7l", "armv8l"), (("EM_ARM", 32),)),
}


def runs(machine: str, kind: Kind) -> bool:
    """Return whether programs of a kind may run on a machine; of an unknown one, all may."""
    return machine not in KINDS or kind in KINDS[machine]


def loads(machine: str, kind: Kind) -> bool:
    """Return whether modules of a kind are those of a machine's kernel."""
    return machine not in KINDS or kind == KINDS[machine][0]


def takes(module: Kind, program: Kind) -> bool:
    """Return whether the kernel with modules of a kind runs programs of another; or if unknown."""
    found = [kinds for kinds in KINDS.values() if kinds[0] == module]
    return not found or any(program in kinds for kinds in found)


def name_of(kind: Kind) -> str:
    """Return a kind as messages name it."""
    return f"{kind[0].removeprefix('EM_').lower()}, {kind[1]} bits"
