"""Hand over: find the real init, end processes, move the mounts, free memory, exec.

The steps are those of systemd's switch_root() and switch_root(8); see
docs/INITRD_INTERFACE.md and docs/ROOT_STORAGE_DAEMONS.md of systemd.
"""

import errno
import os
import signal
import time
from collections.abc import Collection

from initpy.runtime import syscalls

# The kernel tries the same, see init/main.c.
INITS = ("/sbin/init", "/etc/init", "/bin/init", "/bin/sh")
MOVED = ("/dev", "/proc", "/sys", "/run")
LINK_LIMIT = 40  # as in path_resolution(7)
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.002  # between two looks whether a process has ended: each boot waits for it
# udevd ends after its workers, and each worker finishes its present device: workers block SIGTERM,
# see manager_exit() in systemd's udevd.c. Programs of its rules are ended after that: the real
# system needs the output of `mdadm --detail --export` in udev's database.
UDEVD_SECONDS = 2.0


class NoInitError(Exception):
    """The root file system has no program to hand over to."""


def find_init(root: str, asked: str | None) -> tuple[str, str]:
    """Return the path of the init inside `root`, and a complaint if it is not the wanted one.

    Raises NoInitError if there is none. Reads the root's device, so it may hang.
    """
    complaint = ""
    for path in (*((asked,) if asked else ()), *INITS):
        if os.access(resolve(root, path), os.X_OK) and os.path.isfile(resolve(root, path)):
            return path, complaint
        if path == asked:
            complaint = f"init={asked} is not an executable file on the root file system"
    tried = ", ".join(INITS)
    raise NoInitError(f"{complaint + '; ' if complaint else ''}no init among {tried} on the root")


def awaits_checks(root: str, asked: str | None) -> bool:
    """Return whether the init inside `root` awaits checks that began here (take_over.py)."""
    from initpy.core.goals.take_over import FSCKS, NEEDS  # PID 1 does not ask

    try:
        init = resolve(root, find_init(root, asked)[0])
    except NoInitError:
        return False
    there = {each for each in (*FSCKS, *NEEDS) if os.access(resolve(root, each), os.X_OK)}
    return (
        os.path.basename(init) == "systemd"
        and there.issuperset(NEEDS)
        and any(each in there for each in FSCKS)
    )


def resolve(root: str, path: str) -> str:
    """Follow links as a process inside `root` would; return the path outside."""
    done: list[str] = []
    pending = [each for each in path.split("/") if each]
    for _ in range(LINK_LIMIT * 10):
        if not pending:
            break
        part = pending.pop(0)
        if part in (".", ".."):
            del done[len(done) - (part == "..") :]
            continue
        outside = "/".join((root, *done, part))
        if not os.path.islink(outside):
            done.append(part)
            continue
        target = os.readlink(outside)
        done = [] if target.startswith("/") else done
        pending[:0] = [each for each in target.split("/") if each]
    return "/".join((root, *done))


def end_processes(*children: int, spared: Collection[int] = ()) -> list[str]:
    """Terminate, then kill, all processes except this one, kernel threads, storage daemons ("@…").

    The `spared` are left alone. The `children` get the signal first and a moment to finish their
    work. Returns the names of processes that did not end.
    """
    left: dict[int, str] = {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in children:
            _signal(pid, number)
        limit = time.monotonic() + UDEVD_SECONDS
        _reap()
        while any(pid > 0 and _is_there(pid) for pid in children) and time.monotonic() < limit:
            time.sleep(LOOK_SECONDS)
            _reap()
        limit = time.monotonic() + KILL_SECONDS
        told: set[int] = set()
        left = _others(spared)
        while left and time.monotonic() < limit:
            for pid in left.keys() - told:
                _signal(pid, number)
            told |= left.keys()
            _reap()
            # They may have started children meanwhile.
            left = {pid: name for pid, name in left.items() if _is_there(pid)} or _others(spared)
            if left:  # the end of a process that is not a child sends no event
                time.sleep(LOOK_SECONDS)
        if not left:
            return []
    return sorted(left.values())


def _others(spared: Collection[int]) -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) in (os.getpid(), *spared):
            continue
        try:
            os.readlink(f"/proc/{name}/exe")  # kernel threads and zombies have none
            words = _command_line(name)
        except OSError:
            continue
        if not words.startswith(b"@"):  # the mark of a storage daemon of the root
            found[int(name)] = words.split(b"\0")[0].decode(errors="replace")
    return found


def _command_line(pid: str) -> bytes:
    for _ in range(20):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if words := file.read():
                return words
        time.sleep(0.001)  # empty in the midst of execve(2): it may become a storage daemon
    return b"?"


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(pid: int, number: int) -> None:
    if pid <= 0:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def clean_udev_database() -> None:
    """Remove all devices without db_persist from the database: `udevadm info --cleanup-db`.

    The real udevd probes them afresh. The sticky bit marks the others.
    """
    for folder in ("/run/udev/data", "/run/udev/static_node-tags", "/run/udev/watch"):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            path = f"{folder}/{name}"
            try:
                if not os.lstat(path).st_mode & 0o1000:
                    os.unlink(path)
            except OSError:
                continue  # a folder, or gone


def switch_root(root: str) -> None:
    """Make `root` the root of the file system tree and delete the old one's files.

    Raises OSError before any file is deleted. Mounts that were moved stay where
    they are; a later try accepts that.
    """
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    old = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for path in MOVED:
        target = f"{root}{path}"
        try:
            os.makedirs(target, exist_ok=True)
            syscalls.mount(path, target, "", syscalls.MS_MOVE)
        except OSError as error:
            # EINVAL: moved by an earlier try. A read-only root without the folder: detach it.
            if error.errno in (errno.EROFS, errno.ENOENT):
                syscalls.umount(path, syscalls.MNT_DETACH)
            elif error.errno != errno.EINVAL:
                raise
    os.chdir(root)
    syscalls.mount(root, "/", "", syscalls.MS_MOVE)
    os.chroot(".")
    os.chdir("/")
    _delete_tree(old)


def _delete_tree(folder: int) -> None:
    """Delete the content of an open folder of a ramfs or tmpfs, but no other mounts below it.

    Any other file system is a disk, and stays as it is (as in systemd).
    """
    device = os.fstat(folder).st_dev
    in_memory = syscalls.file_system_type(folder) in (syscalls.RAMFS_MAGIC, syscalls.TMPFS_MAGIC)
    if in_memory and device != os.stat("/").st_dev:
        _delete_below(folder, device)
    os.close(folder)


def _delete_below(folder: int, device: int) -> None:
    with os.scandir(folder) as entries:
        names = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
    for name, is_folder in names:
        try:
            if not is_folder:
                os.unlink(name, dir_fd=folder)
                continue
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                if os.fstat(inner).st_dev != device:
                    continue  # a mount point
                _delete_below(inner, device)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)
        except OSError:
            continue  # memory that stays in use, not a reason to fail the boot


def words_for(init: str, started: float) -> list[str]:
    """Return the first arguments of the real init, given when /init started (CLOCK_MONOTONIC).

    systemd takes over the state of a systemd in the initramfs from a file (main() in its main.c,
    manager_deserialize()). The file holds only when the initramfs began, as InitRDTimestamp, which
    `systemd-analyze` shows.
    """
    if os.path.basename(os.path.realpath(init)) != "systemd":
        return []
    now = time.time() - (time.monotonic() - started)
    try:
        state = os.memfd_create("initpy-handover", 0)  # stays open across execve(2)
        os.write(state, f"initrd-timestamp={int(now * 1e6)} {int(started * 1e6)}\n".encode())
        os.lseek(state, 0, os.SEEK_SET)
    except OSError:
        return []  # a time stamp is no reason to fail the boot
    return ["--switched-root", "--system", "--deserialize", str(state)]


def execute(init: str, arguments: list[str]) -> None:
    """Replace this process by the real init, with a fresh console. Raises OSError."""
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                continue  # reserved by the C library
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        console = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        console = -1
    if console >= 0:
        for descriptor in (0, 1, 2):
            os.dup2(console, descriptor)
        if console > 2:
            os.close(console)
    os.execv(init, [init, *arguments])
