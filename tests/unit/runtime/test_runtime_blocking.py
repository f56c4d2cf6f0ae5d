"""Nothing that the engine's loop runs can be kept waiting by a device, a program or a server (R5).

Each function of the runtime that makes a system call which may wait stands in a table below, with
the reason why it may: a new one has to be entered. What children do (`aside`) is called by nothing
but what children do.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy import runtime

ROOM = Path(runtime.__path__[0])
# Of process 1 alone, which has no loop to keep free but the one in pid1.py.
PID_1 = {"supervisor", "pid1", "children", "power", "lastresort", "api", "hostname"}

BUILT_IN = {"open"}
CALLS = {
    "os": {
        "access", "fstat", "fsync", "ftruncate", "listdir", "lstat", "makedirs", "mkdir", "open",
        "pread", "preadv", "pwrite", "read", "readlink", "readv", "rename", "rmdir", "scandir",
        "stat", "statvfs", "sync", "unlink", "wait", "waitid", "waitpid", "write", "writev",
    },
    "path": {"exists", "getsize", "isdir", "isfile", "islink", "ismount", "lexists", "realpath"},
    "time": {"sleep"},
    "subprocess": {"run", "Popen", "call", "check_call", "check_output"},
    "select": {"select", "poll"},
    "poll": {"poll"},
    "sys": {"mount", "umount"},  # mounts.py imports syscalls by this name
    "syscalls": {"mount", "umount"},
}  # fmt: skip

# Why a function may wait for what it asks the kernel for.
MEMORY = "the file system is in memory: sysfs, procfs, /run, the initramfs"
READY = "a descriptor that is ready, or never blocks (O_NONBLOCK)"
BOUNDED = "not for longer than a moment"
BEFORE = "before the loop runs, or after it"
CHILD = "in a child process, see aside.py"
BEGINS = "the first function of a child"
PROCESS_1 = "by process 1 at the handover, when the engine has ended"

MAY_WAIT = {
    "advertised.known": MEMORY,
    "advertised.note": MEMORY,
    "aside._Child._readable": READY,
    "aside._Child._has_ended": BOUNDED,  # waitpid(2) of a process whose pidfd says that it is over
    "aside._serve": BEGINS,
    "aside._answer_all": CHILD,
    "btrfs.facts": CHILD,
    "coldplug.announce": MEMORY,
    "coldplug._names": MEMORY,
    "coldplug.screens": MEMORY,
    "coldplug._without_driver": MEMORY,
    "coldplug._class_of": MEMORY,
    "coldplug.wake_network": MEMORY,
    "console.Consoles.give_way": BOUNDED,  # select(2) that only looks
    "console.Consoles._open_again": READY,
    "console.Consoles._read": READY,
    "console.Consoles.await_key": READY,
    "console.Consoles._flush": READY,
    "console.Consoles._drain": BOUNDED,  # DRAIN_SECONDS
    "console._open": READY,
    "control.serve": MEMORY,
    "damaged_metadata.look": CHILD,
    "damaged_metadata._remnant": CHILD,
    "detached.open_file": CHILD,
    "firmware.read_variable": CHILD,
    "firmware.remove_variable": CHILD,
    "recording.record": MEMORY,
    "resume._resume": CHILD,
    "early.command_line": BEFORE,
    "early.begin": BEFORE,
    "early.under_way": MEMORY,
    "driverless._read": CHILD,
    "driverless._without_driver": CHILD,
    "driverless._resolve": CHILD,
    "driverless._text": CHILD,
    "driverless._names": CHILD,
    "engine.Engine._hand_over": MEMORY,
    "engine._resume_over": MEMORY,
    "life.Life.tell": READY,
    "fetching.Fetcher.drop": MEMORY,
    "fetching.fetch": CHILD,
    "fetching._secret": CHILD,
    "fetching._keep": CHILD,
    "handover.awaits_checks": CHILD,
    "handover.find_init": CHILD,
    "handover.resolve": CHILD,
    "handover.end_processes": PROCESS_1,
    "handover._others": PROCESS_1,
    "handover._command_line": PROCESS_1,
    "handover._reap": PROCESS_1,
    "handover.clean_udev_database": PROCESS_1,
    "handover.switch_root": PROCESS_1,
    "handover._delete_tree": PROCESS_1,
    "handover._delete_below": PROCESS_1,
    "handover.execute": PROCESS_1,
    "handover.words_for": PROCESS_1,
    "ibft.read_table": BEGINS,
    "jobfiles._names": MEMORY,
    "jobfiles._parse": MEMORY,
    "journal.Journal.__init__": MEMORY,
    "machinefiles.nvme_tables": MEMORY,
    "journal.Journal._write": MEMORY,
    "keeper.keep": BEGINS,
    "keeper.mark": CHILD,
    "keeper.prepare": MEMORY,
    "keeper._Keeper.__init__": CHILD,
    "keeper._Keeper.run": CHILD,
    "keeper._Keeper._lock": CHILD,
    "keeper._Keeper._pass_on": CHILD,
    "keeper._Keeper._write": CHILD,
    "kernel.accept_routers": BEGINS,
    "kernel.set_mtu": CHILD,
    "keymap.load": MEMORY,
    "keymap.path_of": MEMORY,
    "keymap._put": BEFORE,  # and an ioctl(2) of a terminal's keyboard does not wait
    "links._as_device": MEMORY,
    "links._read": MEMORY,
    "luksheader.check": CHILD,
    "luksheader._read": CHILD,
    "luksheader._save": CHILD,
    "network.Network._open": MEMORY,
    "start.font_problems": MEMORY,
    "start.keymap_problems": MEMORY,
    "extra._copy": MEMORY,
    "extra._names": MEMORY,
    "extra.pass_on": MEMORY,
    "linkfiles._text": CHILD,
    "linkfiles.read": CHILD,
    "mdtable._at_the_end": CHILD,
    "mdtable._end_of_table": CHILD,
    "mdtable._entries": CHILD,
    "mdtable._members": CHILD,
    "mdtable.is_of_the_array": CHILD,
    "monitors.process_of": MEMORY,  # a monitor locks its own into it: mlockall() in mdmon.c
    "mounts._mount": CHILD,
    "mounts._node_of": MEMORY,
    "mounts.name_of": MEMORY,
    "mounts.mount_first": CHILD,
    "mounts.read_fstab": CHILD,
    "rootmounts._attach": CHILD,
    "rootmounts._bind": CHILD,
    "rootmounts._mount": CHILD,
    "shares._tags": CHILD,
    "mounts.mounted_at": MEMORY,
    "mounts.mounted_below": MEMORY,
    "overlays._make_like": CHILD,
    "overlays._link": CHILD,
    "overlays._mount_usr": CHILD,
    "overlays._remove": CHILD,
    "overlays.folders": CHILD,
    "overlays.mount_root": CHILD,
    "oldraid.own_metadata": CHILD,
    "processes.Processes.go_on": READY,
    "processes._pipe": READY,
    "processes.end_kernel_helpers": MEMORY,
    "processes._parent": MEMORY,
    "shell._start": BOUNDED,  # a console, which the kernel keeps open
    "shell._note": MEMORY,
    "shell._forget": MEMORY,
    "shell.kill_left_over": BEFORE,
    "start.read": BEFORE,
    "start.main": BEFORE,
    "start._escalate": BEFORE,
    "start.absent_keys": BEFORE,
    "start.key_files": BEFORE,
    "superblocks.suspended": CHILD,
    "terminals.console_paths": MEMORY,
    "terminals.restore_modes": PROCESS_1,
    "terminals.saved_modes": BOUNDED,  # consoles, opened with O_NONBLOCK
    "udev.Udev.missed": MEMORY,
    "udev.Udev.busy": MEMORY,
    "udev.as_device": MEMORY,
    "udev._partitions": MEMORY,
    "udev._recorded": MEMORY,
    "udev._related": MEMORY,
    "udev._slots": MEMORY,
    "udev._names": MEMORY,
    "virtual._keep_address": CHILD,
    "virtual._set_options": CHILD,
    "virtual.join": BEGINS,
    "virtual.make": BEGINS,
    "writing._write": BEGINS,
}
# They wait in no call of their own, but call what does.
CALLED_IN_CHILDREN = {
    "mdtable._logical",
    "mdtable._primary",
    "kernel.configure", "overlays._join", "overlays._mount",
    "aside._make", "detached.mount", "discoverable.booted_partition", "driverless.look",
    "driverless._describe", "fetching._read",
    "fetching.open_on_device", "findings._drivers", "findings._remnant", "firmware._texts",
    "keeper._Keeper._read", "mounting._find_init", "mounting._look", "mounting._mount",
    "mounting._root_mounts", "rootmounts.mount_all", "rootmounts._loop", "rootmounts._in_root",
    "shares.explain", "superblocks._btrfs", "superblocks._old_member",
    "superblocks._table_of_member",
}  # fmt: skip


class Function:
    """A function of the runtime: what it waits for, and what of the runtime it calls."""

    def __init__(self, name: str, waits: bool, calls: set[str]) -> None:
        self.name, self.waits, self.calls = name, waits, calls


def functions() -> dict[str, Function]:
    """All functions of the runtime but those of process 1, by `module.function`."""
    found = {}
    for path in sorted((*ROOM.glob("*.py"), *ROOM.glob("net/*.py"))):
        if path.stem not in PID_1:
            for each in _functions(path):
                found[each.name] = each
    return found


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = _imported(tree)
    known |= {
        node.name: f"{path.stem}.{node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    yield from _below(tree, path.stem, "", known)


def _below(tree: ast.AST, module: str, owner: str, known: dict[str, str]) -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _below(node, module, f"{node.name}.", known)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            here = known | _imported(node)
            calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
            names = {name for each in calls if (name := _name(each, module, owner, here))}
            yield Function(f"{module}.{owner}{node.name}", any(map(_waits, calls)), names)


def _imported(tree: ast.AST) -> dict[str, str]:
    """Name here -> `module.function`, or `module` for a module, of what is imported."""
    nodes = ast.walk(tree) if isinstance(tree, ast.FunctionDef) else ast.iter_child_nodes(tree)
    known = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("initpy.runtime"):
            folder = (node.module or "").removeprefix("initpy.runtime").lstrip(".")
            for each in node.names:
                known[each.asname or each.name] = f"{folder}.{each.name}".lstrip(".")
    return known


def _name(func: ast.expr, module: str, owner: str, known: dict[str, str]) -> str | None:
    match func:
        case ast.Name(name):
            return known.get(name)
        case ast.Attribute(ast.Name("self"), name):
            return f"{module}.{owner}{name}"
        case ast.Attribute(ast.Name(place), name) if place in known:
            return f"{known[place]}.{name}"
    return None


def _waits(func: ast.expr) -> bool:
    match func:
        case ast.Name(name):
            return name in BUILT_IN
        case ast.Attribute(ast.Name(place), name) | ast.Attribute(ast.Attribute(_, place), name):
            return name in CALLS.get(place, ())
    return False


FUNCTIONS = functions()
IN_CHILDREN = {name for name, why in MAY_WAIT.items() if why == CHILD} | CALLED_IN_CHILDREN


def test_each_function_that_may_wait_says_why_it_may() -> None:
    assert {each.name for each in FUNCTIONS.values() if each.waits} == set(MAY_WAIT)


def test_the_tables_name_functions_that_there_are() -> None:
    assert set(FUNCTIONS) >= IN_CHILDREN


@pytest.mark.parametrize("name", sorted(IN_CHILDREN))
def test_what_may_hang_is_called_by_nothing_but_children(name: str) -> None:
    callers = {each.name for each in FUNCTIONS.values() if name in each.calls}
    assert callers <= IN_CHILDREN | {name for name, why in MAY_WAIT.items() if why == BEGINS}


def test_the_readers_of_this_test_are_not_blind() -> None:
    """It is the function's calls that count, wherever in it they are."""
    source = """
from initpy.runtime import oldraid, syscalls
from initpy.runtime.handover import find_init as find
class Engine:
    async def look(self):
        if find("/", None):
            with open("/dev/sda") as disk: pass
        self.other()
    def other(self):
        def inner(): return oldraid.own_metadata("/dev/sda")
        syscalls.mount("/dev/sda", "/")
    def harmless(self):
        return partial(find, "/")
"""
    tree = ast.parse(source)
    found = {each.name: each for each in _below(tree, "engine", "", _imported(tree))}
    assert found["engine.Engine.look"].waits
    assert found["engine.Engine.look"].calls == {"handover.find_init", "engine.Engine.other"}
    assert found["engine.Engine.other"].waits
    assert found["engine.Engine.other"].calls == {"oldraid.own_metadata", "syscalls.mount"}
    assert not found["engine.Engine.harmless"].waits
    assert found["engine.Engine.harmless"].calls == set()
