"""PID 1 never exits or hangs (R26), whatever ends (R5).

Each scene is a process of its own that plays PID 1: orphans come to it as to
PID 1, its engine and its udevd are real processes that do what the scene says.
What would touch the machine (reboot, switch_root, exec) is replaced.
"""

import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from initpy.runtime.pid1 import describe_end

PREAMBLE = """
import ctypes, errno, os, signal, socket, sys, time, traceback, types
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
import initpy.runtime
from initpy.runtime import children, coldplug, handover, hostname, pid1, supervisor, syscalls
hostname.take_name = lambda *_: None
tmp = sys.argv[1]
def show(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def leave():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        for child in file.read().split():
            os.kill(int(child), 9)
    os._exit(0)
def reboot(command):
    show("reboot", hex(command))
    if command not in (syscalls.RB_DISABLE_CAD, syscalls.RB_ENABLE_CAD):
        leave()
syscalls.reboot = reboot
os.sync = lambda: None
pid1.PID_FILE = f"{tmp}/engine.pid"
os.makedirs(f"{tmp}/udev", exist_ok=True)
pid1.UDEV_QUEUE = f"{tmp}/udev/queue"
pid1.UDEVD_RESTART = pid1.FORK_RETRY = 0.01
children.READY_SOCKET = f"initpy/test-{os.getpid()}"
children.UDEVD = f"{tmp}/udevd"
with open(children.UDEVD, "w") as file:
    file.write("#!/bin/sh\\nexec sleep 60\\n")
os.chmod(children.UDEVD, 0o755)
coldplug.storage = lambda beside=(): ["disk"]
coldplug.late = lambda beside=(): []
coldplug.others = lambda: ["keyboard"]
def announce(paths):
    show("announce", *paths)
    with open(f"{tmp}/announced", "a") as file:
        file.write(" ".join(paths) + "\\n")
coldplug.announce = announce
def announced(what):
    # However slow the machine is: half a scene's time.
    for _ in range(1000):
        if os.path.exists(f"{tmp}/announced") and what in open(f"{tmp}/announced").read():
            return
        time.sleep(0.01)
def end_processes(*children):
    for child in filter(None, children):
        try:
            os.kill(child, 9)
            os.waitpid(child, 0)
        except (ChildProcessError, ProcessLookupError):
            continue
    return []
handover.end_processes = end_processes
handover.clean_udev_database = lambda: None
handover.switch_root = lambda root: show("switch_root", root)
def execute(path, arguments):
    show("execute", path, arguments, "lives", lives())
    leave()
handover.execute = execute
def lives():
    return os.path.getsize(f"{tmp}/lives")
def main(words, started):
    for number in pid1.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    fd = os.open(f"{tmp}/lives", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"x")
    def order(*each):
        os.write(words, b"\\0".join(each) + b"\\n")
    if SPEAKS:
        order(b"alive")
    return engine(lives(), order) or 0
sys.modules["initpy.runtime.start"] = initpy.runtime.start = types.SimpleNamespace(main=main)
SPEAKS = True  # as soon as it works
HANDOVER = b"switch-root", b"/sysroot", b"/opt/init"
def play(pause=0.0):
    ready = syscalls.abstract_datagram_socket(children.READY_SOCKET)
    udevd = children.start_udevd()
    started = children.start_engine(0.0)
    time.sleep(pause)
    try:
        pid1.Supervisor(["single"], 0.0, ready, udevd, *started).run()
    except BaseException:
        traceback.print_exc()
    leave()
def udev_is_ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1\\nSTATUS=x", "\\0" + children.READY_SOCKET)
"""


def scene(folder: Path, script: str, stdin: int = subprocess.DEVNULL) -> tuple[list[str], str]:
    """What the scene showed (standard output), and what it said on the console."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, str(folder)],
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=20,
        start_new_session=True,
    )
    return done.stdout.splitlines(), done.stderr


def test_the_engines_word_is_obeyed_and_init_gets_the_kernels_arguments(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
def engine(life, order):
    order(*HANDOVER)
    time.sleep(60)
play()
""",
    )
    assert shown == [
        "reboot 0x0",  # Ctrl-Alt-Del is taken over
        "switch_root /sysroot",
        "execute /opt/init ['single'] lives 1",
    ]


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(3)", "raise RuntimeError"])
def test_an_engine_that_dies_is_started_again(tmp_path: Path, end: str) -> None:
    """R5: killing it costs time, never the boot."""
    shown, said = scene(
        tmp_path,
        f"""
def engine(life, order):
    assert open(pid1.PID_FILE).read() or True
    if life < 3:
        {end}
    order(*HANDOVER)
play()
""",
    )
    assert shown[-1] == "execute /opt/init ['single'] lives 3"
    assert said.count("; it is started again") >= 2


def test_the_engines_number_is_where_tools_look_for_it(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
def engine(life, order):
    for _ in range(200):
        time.sleep(0.01)
        if os.path.exists(pid1.PID_FILE) and open(pid1.PID_FILE).read() == f"{os.getpid()}\\n":
            show("found", life)
            break
    if life < 2:
        os.kill(os.getpid(), 9)
    order(*HANDOVER)
play()
""",
    )
    assert [each for each in shown if each.startswith("found")] == ["found 1", "found 2"]


def test_a_full_run_is_survived(tmp_path: Path) -> None:
    """R26."""
    shown, said = scene(
        tmp_path,
        """
pid1.PID_FILE = "/dev/full/nothing"
def engine(life, order):
    order(*HANDOVER)
play()
""",
    )
    assert shown[-1].startswith("execute /opt/init")
    assert "cannot write /dev/full/nothing" in said


def test_orphans_are_reaped(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
def engine(life, order):
    orphan = os.fork()
    if orphan == 0:
        if os.fork() == 0:
            show("orphan", os.getpid())
            os._exit(0)
        os._exit(0)
    os.waitpid(orphan, 0)
    time.sleep(0.2)
    zombies = [pid for pid in os.listdir("/proc") if pid.isdecimal()
               and (status := status_of(pid)) and f"PPid:\\t{os.getppid()}\\n" in status
               and "State:\\tZ" in status]
    show("zombies", zombies)
    order(*HANDOVER)
def status_of(pid):
    try:
        return open(f"/proc/{pid}/status").read()
    except OSError:
        return ""
play()
""",
    )
    assert "zombies []" in shown


def test_an_order_may_come_in_pieces(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
def main(words, started):
    open(f"{tmp}/lives", "w").write("x")
    for piece in (b"nonsense\\n\\nswitch-", b"root\\0/sys", b"root\\0/opt/in", b"it\\n"):
        os.write(words, piece)
        time.sleep(0.02)
    time.sleep(60)
initpy.runtime.start.main = main
play()
""",
    )
    assert shown[-1] == "execute /opt/init ['single'] lives 1"


def test_when_the_init_cannot_be_run_the_usual_ones_are_tried(tmp_path: Path) -> None:
    """R18."""
    shown, said = scene(
        tmp_path,
        """
def engine(life, order):
    order(*HANDOVER)
def refuse(path, arguments):
    if path != "/bin/sh":
        raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))
    execute(path, arguments)
handover.execute = refuse
play()
""",
    )
    assert shown[-1] == "execute /bin/sh ['single'] lives 1"
    assert "cannot run /opt/init: Exec format error" in said


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_handover_that_fails_leads_to_one_new_engine(tmp_path: Path, pause: float) -> None:
    """Also when the engine that asked for it has ended already (after a pause, that is)."""
    shown, said = scene(
        tmp_path,
        f"""
def engine(life, order):
    if life > 1:
        time.sleep(0.5)  # a second new engine would show by now
    order(*HANDOVER)
tries = []
def switch_root(root):
    tries.append(root)
    if len(tries) == 1:
        raise OSError(errno.EBUSY, "busy")
handover.switch_root = switch_root
play({pause})
""",
    )
    assert shown[-1] == "execute /opt/init ['single'] lives 2"
    assert "cannot switch to /sysroot" in said


def test_without_memory_for_an_engine_it_is_tried_again(tmp_path: Path) -> None:
    """R26: memory pressure."""
    shown, said = scene(
        tmp_path,
        """
fork, failures = os.fork, []
def no_memory():
    if len(failures) < 3:
        failures.append(len(os.listdir("/proc/self/fd")))
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    show("descriptors", len(set(failures)))
    return fork()
def engine(life, order):
    if life == 1:
        os.kill(os.getpid(), 9)
    order(*HANDOVER)
ready = syscalls.abstract_datagram_socket(children.READY_SOCKET)
first = children.start_engine(0.0)
os.fork = no_memory
pid1.Supervisor(["single"], 0.0, ready, 0, *first).run()
""",
    )
    assert shown[-1] == "execute /opt/init ['single'] lives 2"
    assert "descriptors 1" in shown  # none is lost with each try
    assert said.count("cannot start the engine: Cannot allocate memory") == 3


def test_an_engine_that_fails_again_and_again_is_given_up_for_a_shell(tmp_path: Path) -> None:
    """While the shell is open PID 1 sleeps; when it is left the engine gets another try."""
    shown, said = scene(
        tmp_path,
        """
from initpy.runtime import lastresort, power
power.asked_end = lambda text: None  # of the machine that runs this test
lastresort.COMMAND = ("sh", "-c", "sleep 0.5")
give_up = lastresort.give_up
def noted():
    show("given up after lives", lives())
    used.append(time.process_time())
    return give_up()
lastresort.give_up = noted
used = []
def engine(life, order):
    if life <= 6:
        raise RuntimeError("a bug")
    order(*HANDOVER)
def switch_root(root):
    show("busy", time.process_time() - used[0] > 0.2)
handover.switch_root = switch_root
play()
""",
    )
    assert "given up after lives 6" in shown
    assert "busy False" in shown
    assert shown[-1] == "execute /opt/init ['single'] lives 7"
    assert "RuntimeError: a bug" in said
    assert "the engine fails again and again. This is a bug of initpy." in said
    assert "the shell has ended: the engine is started again" in said


def test_a_udevd_that_dies_is_started_again_and_the_devices_are_announced_again(
    tmp_path: Path,
) -> None:
    """R35."""
    shown, said = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER = 0.05
def engine(life, order):
    for _ in range(2):
        udev_is_ready()
        time.sleep(0.2)
        udevd = [pid for pid in os.listdir("/proc") if pid.isdecimal() and is_udevd(pid)]
        show("udevds", len(udevd))
        os.kill(int(udevd[0]), 9)
        time.sleep(0.2)
    order(*HANDOVER)
def is_udevd(pid):
    try:
        words = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        command = open(f"/proc/{pid}/cmdline", "rb").read()
        return int(words[1]) == os.getppid() and command == b"sleep\\00060\\0"
    except OSError:
        return False
play()
""",
    )
    assert shown.count("udevds 1") == 2
    assert shown.count("announce disk") == shown.count("announce keyboard") == 2
    assert "udevd has ended (killed by signal 9); it is started again" in said


def test_an_engine_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    """R26. One that says now and then that it is alive is left alone."""
    shown, said = scene(
        tmp_path,
        """
pid1.ENGINE_SILENCE = 0.5
def engine(life, order):
    if life == 1:
        for _ in range(10):
            order(b"alive")
            time.sleep(0.1)
        time.sleep(60)
    order(*HANDOVER)
play()
""",
    )
    assert shown[-1].endswith("lives 2")
    assert said.count("the engine has not answered for") == 1
    assert "the engine has ended (killed by signal 9); it is started again" in said


def test_an_engine_that_not_even_sigkill_ends_is_left_alone(tmp_path: Path) -> None:
    """R26, fault 3: it waits in the kernel for a disk that does not answer."""
    shown, said = scene(
        tmp_path,
        """
pid1.ENGINE_SILENCE = pid1.ABANDON_AFTER = 0.2
kill = os.kill
os.kill = lambda pid, number: None if number == 9 and lives() == 1 else kill(pid, number)
def engine(life, order):
    if life == 1:
        time.sleep(60)
    order(*HANDOVER)
play()
""",
    )
    assert shown[-1].endswith("lives 2")
    assert said.count("the engine has not answered for") == 1
    assert "the engine does not end although it was killed; another one is started" in said


def test_a_machine_without_udevd_says_so_and_goes_on(tmp_path: Path) -> None:
    shown, said = scene(
        tmp_path,
        """
children.UDEVD = f"{tmp}/nowhere"
def engine(life, order):
    order(*HANDOVER)
play()
""",
    )
    assert shown[-1].startswith("execute")
    assert "nowhere: No such file or directory; no device will be found" in said


def test_a_udevd_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """R5, R26: no memory at first, and none when it is to be started again."""
    shown, said = scene(
        tmp_path,
        """
pid1.FORK_RETRY = 0.05
spawn, tries = os.posix_spawn, []
def sometimes(*words):
    tries.append(time.monotonic())
    if len(tries) not in (3, 6):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    show("udevd")
    pid = spawn(*words)
    if len(tries) == 3:
        os.kill(pid, 9)
    return pid
os.posix_spawn = sometimes
def engine(life, order):
    time.sleep(0.9)
    order(*HANDOVER)
play()
""",
    )
    assert shown.count("udevd") == 2
    assert said.count("cannot start udevd") == 4
    assert shown[-1].startswith("execute /opt/init")


def test_what_cannot_be_watched_is_announced_after_a_while(tmp_path: Path) -> None:
    shown, said = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER = 0.05
def fails(folder):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
syscalls.watch_deletions = fails
def engine(life, order):
    udev_is_ready()
    announced("keyboard")
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:3] == ["announce disk", "announce keyboard"]
    assert "cannot watch the queue of udevd: Too many open files" in said
    assert shown[-1] == "execute /opt/init ['single'] lives 1"


def test_a_loop_that_raises_goes_on(tmp_path: Path) -> None:
    """R26: whatever it is, the engine's word is still obeyed."""
    shown, said = scene(
        tmp_path,
        """
pid1.FORK_RETRY = 0.05
def fails(beside):
    raise ValueError("unforeseen")
coldplug.storage = fails
def engine(life, order):
    udev_is_ready()
    time.sleep(0.2)
    order(*HANDOVER)
play()
""",
    )
    assert "process 1: ValueError('unforeseen'); it goes on" in said
    assert "_announce_storage" in said
    assert shown[-1] == "execute /opt/init ['single'] lives 1"


def test_other_devices_are_announced_once_udevd_has_dealt_with_the_disks(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER, pid1.OTHERS_WHEN_IDLE = 30.0, 0.05
def engine(life, order):
    open(pid1.UDEV_QUEUE, "w").close()
    udev_is_ready()
    announced("disk")
    show("working")
    os.unlink(pid1.UDEV_QUEUE)
    announced("keyboard")
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:4] == ["announce disk", "working", "announce keyboard"]


def test_other_devices_are_announced_after_a_while_even_if_udevd_is_busy(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER = 0.05
def engine(life, order):
    open(pid1.UDEV_QUEUE, "w").close()
    udev_is_ready()
    announced("keyboard")
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:3] == ["announce disk", "announce keyboard"]


def test_other_devices_do_not_keep_the_engine_from_its_start(tmp_path: Path) -> None:
    """It needs the processor itself, and may need no others."""
    shown, _ = scene(
        tmp_path,
        """
SPEAKS = False
pid1.OTHERS_AFTER, pid1.OTHERS_WHEN_IDLE = 30.0, 0.05
def engine(life, order):
    udev_is_ready()
    announced("disk")
    open(pid1.UDEV_QUEUE, "w").close()
    os.unlink(pid1.UDEV_QUEUE)
    time.sleep(0.2)
    show("starting")
    order(b"alive")
    announced("keyboard")
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:4] == ["announce disk", "starting", "announce keyboard"]


def test_other_devices_are_announced_if_the_engine_says_nothing(tmp_path: Path) -> None:
    shown, _ = scene(
        tmp_path,
        """
SPEAKS = False
pid1.OTHERS_WITHOUT_ENGINE = 0.1
def engine(life, order):
    udev_is_ready()
    announced("keyboard")
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:3] == ["announce disk", "announce keyboard"]


def test_a_storm_of_events_does_not_keep_the_keyboard_away(tmp_path: Path) -> None:
    """R2: `change` storms. udevd is idle again and again, but never for long."""
    shown, _ = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER, pid1.OTHERS_WHEN_IDLE = 0.2, 0.1
def engine(life, order):
    udev_is_ready()
    for number in range(20):
        open(pid1.UDEV_QUEUE, "w").close()
        time.sleep(0.02)
        os.unlink(pid1.UDEV_QUEUE)
    show("storm over")
    order(*HANDOVER)
play()
""",
    )
    assert shown.index("announce keyboard") < shown.index("storm over")


def test_once_root_is_being_mounted_the_other_devices_wait(tmp_path: Path) -> None:
    """In all likelihood they are never needed."""
    shown, _ = scene(
        tmp_path,
        """
pid1.OTHERS_AFTER, pid1.OTHERS_WHEN_IDLE, pid1.OTHERS_WHEN_MOUNTING = 30.0, 0.01, 0.4
def engine(life, order):
    udev_is_ready()
    time.sleep(0.1)
    order(b"mounting")
    open(pid1.UDEV_QUEUE, "w").close()
    os.unlink(pid1.UDEV_QUEUE)
    time.sleep(0.2)
    show("mounted, say")
    time.sleep(0.4)
    order(*HANDOVER)
play()
""",
    )
    assert shown[1:4] == ["announce disk", "mounted, say", "announce keyboard"]


def test_ctrl_alt_del_reboots(tmp_path: Path) -> None:
    """R26. The kernel sends SIGINT once it has been told to leave the keys to us."""
    shown, said = scene(
        tmp_path,
        """
def engine(life, order):
    time.sleep(0.1)
    os.kill(os.getppid(), signal.SIGTERM)  # means nothing to PID 1
    os.kill(os.getppid(), signal.SIGPWR)
    time.sleep(0.1)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
play()
""",
    )
    assert shown == ["reboot 0x0", "reboot 0x1234567"]
    assert "Ctrl-Alt-Del: reboot" in said


@pytest.mark.parametrize(
    ("how", "command"),
    [("reboot", "0x1234567"), ("poweroff", "0x4321fedc"), ("halt", "0xcdef0123")],
)
def test_the_engine_may_end_the_boot(tmp_path: Path, how: str, command: str) -> None:
    """R24: rd.emergency=."""
    shown, _ = scene(
        tmp_path,
        f"""
def engine(life, order):
    order(b"end", b"{how}")
    time.sleep(60)
play()
""",
    )
    assert shown[-1] == f"reboot {command}"


def test_what_is_typed_ahead_does_not_show(tmp_path: Path) -> None:
    """R12: it may be a passphrase."""
    keyboard, terminal = os.openpty()
    try:
        shown, _ = scene(
            tmp_path,
            """
import termios
def engine(life, order):
    time.sleep(0.1)
    show("echo", bool(termios.tcgetattr(0)[3] & (termios.ECHO | termios.ECHONL)))
    order(*HANDOVER)
play()
""",
            stdin=terminal,
        )
        assert "echo False" in shown
        assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    finally:
        os.close(keyboard)
        os.close(terminal)


@pytest.mark.parametrize("deleted", [False, True], ids=["", "initramfs deleted"])
def test_a_bug_in_pid_1_shows_where_and_never_ends_it(tmp_path: Path, deleted: bool) -> None:
    """PID 1 that ends is a kernel panic. No module can be imported once the initramfs is gone."""
    script = f"""
def broken():
    if {deleted}:
        sys.modules["traceback"] = None  # importing it fails from now on
    raise RuntimeError("a bug in PID 1")
supervisor.api.mount_api = broken
supervisor.main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = process.stdout.readline()
        said = ""
        while "Press Ctrl-Alt-Del" not in said and (line := process.stderr.readline()):
            said += line
        time.sleep(0.1)
        lives = process.poll() is None
        process.kill()
    assert lives
    assert "a bug in PID 1" in said
    assert shown == "reboot 0x89abcdef\n"  # the keys that the message names work (again)


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0"), (3 << 8, "exit status 3"), (signal.SIGKILL, "killed by signal 9")],
)
def test_an_end_in_words(status: int, words: str) -> None:
    assert describe_end(status) == words


def test_hardly_anything_is_imported_before_udevd_is_started() -> None:
    """Devices are looked for while the rest is imported: each millisecond before that is waited."""
    code = (
        "import sys, initpy.runtime.supervisor\n"
        "print(*sorted(name for name in sys.modules if name.startswith('initpy.')))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.split() == [
        "initpy.runtime",
        "initpy.runtime.api",
        "initpy.runtime.children",
        "initpy.runtime.early",  # udevd reads what this changes
        "initpy.runtime.supervisor",
        "initpy.runtime.syscalls",
    ]
