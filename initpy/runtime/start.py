"""Start the engine in its process: read settings and job files, then run it to its end."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping

from initpy.config.errors import InputError
from initpy.config.settings import DEFAULTS, read_settings
from initpy.core.devices.names import Naming
from initpy.core.settings import Settings
from initpy.runtime.aside import Aside
from initpy.runtime.engine import Engine
from initpy.runtime.jobfiles import load_jobs
from initpy.runtime.journal import basis

FSTAB = "/etc/fstab"  # the lines of the machine's that have a file system checked
CRYPTTAB = "/etc/crypttab"
FONTS = "/usr/lib/initpy/fonts"  # see initpy.config.console
KEYMAP = "/usr/lib/initpy/keymaps/default.bmap"  # see initpy.config.keyboard
FIRMWARE = "/sys/firmware/efi/efivars"
# Seldom there. If there are several, the kernel numbers all (acpi_table_attr_init()).
NVME_TABLES = ("/sys/firmware/acpi/tables/NBFT", "/sys/firmware/acpi/tables/NBFT1")
KEY_FOLDERS = ("/run/cryptsetup-keys.d", "/etc/cryptsetup-keys.d")  # the last one wins


def read(path: str) -> str | None:
    """Return the text of a file, None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(orders: int, started: float) -> int:
    """Run the engine. `orders` is the pipe to PID 1, `started` the time of /init's start."""
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write("initpy-engine")
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPWR):
        signal.signal(number, signal.SIG_DFL)  # a restarted engine inherits the handlers of PID 1
    command_line, table = read("/proc/cmdline") or "", read(CRYPTTAB)
    defaults = read(DEFAULTS)
    problems: list[InputError] = []
    texts: dict[str, str] = {}
    jobs = load_jobs(problems.append, texts=texts)
    settings, wrong = read_settings(command_line, table, CRYPTTAB, defaults, jobs)
    problems += wrong
    settings = settings._replace(key_files=key_files(settings), absent_keys=absent_keys(settings))
    if (lines := read(FSTAB)) is not None:
        from initpy.config.fstab import parse_checks  # few images have one

        settings = settings._replace(other_checks=parse_checks(lines))
    problems.extend(keymap_problems(settings.keymap))
    problems.extend(font_problems(settings.font))

    async def engine() -> None:
        aside, known = Aside(), settings
        if settings.root is not None and settings.root.naming is Naming.GPT_AUTO:
            from initpy.runtime import discoverable  # seldom needed

            known = await discoverable.complete(settings, aside)
        if os.path.isdir(FIRMWARE):
            known = with_variables(known, await variables(known, aside), problems.append)
        found: dict[str, dict[str, str]] = {}
        tables = any(map(os.path.exists, NVME_TABLES))
        if known.network is not None or tables:
            from initpy.runtime import machinefiles  # most boots have no network

            known, found = await machinefiles.applied(known, aside, read, tables, problems)
        facts = basis(known, command_line, table, texts, problems, defaults) | found
        await Engine(known, jobs, orders, aside).run(started, tuple(problems), facts)

    gc.freeze()
    gc.enable()
    run_alone(engine())
    return 0


def keymap_problems(name: str) -> tuple[InputError, ...]:
    """Load the keymap of the prompts; return why it could not be (R37).

    The consoles keep keys that are typed before a prompt: they are to be read by this layout.
    """
    if not name and not os.path.exists(KEYMAP):
        return ()
    from initpy.runtime import keymap  # machines with a US keyboard need none

    try:
        keymap.load(name)
    except InputError as error:
        return (error,)
    return ()


def font_problems(name: str) -> tuple[InputError, ...]:
    """Return why udev does not load the font of this name (rules/90-initpy-font.rules)."""
    if not name or os.path.exists(f"{FONTS}/{name}.psf"):
        return ()
    there = os.listdir(FONTS) if os.path.isdir(FONTS) else []
    known = ", ".join(sorted(each.removesuffix(".psf") for each in there))
    expected = f"one that is in the image ({known or 'none is'})"
    return (InputError("command line: rd.vconsole.font", name, expected),)


async def variables(settings: Settings, aside: Aside) -> dict[str, str]:
    """Return the firmware's variables that the command line leaves room for, by name."""
    from initpy.runtime import firmware

    wanted = {
        firmware.HIBERNATED: settings.may_resume
        and (settings.resume is None or settings.resume.default),
        firmware.COUNTED: settings.counting is None and settings.may_count,
    }
    names = [name for name, may_tell in wanted.items() if may_tell]
    return await firmware.told(aside, names) if names else {}


def with_variables(
    settings: Settings, told: Mapping[str, str], complain: Callable[[InputError], None]
) -> Settings:
    """Add what the firmware's variables tell to the settings; most boots have none."""
    from initpy.runtime import firmware

    if (text := told.get(firmware.HIBERNATED)) is not None:
        from initpy.runtime import resume

        try:
            settings = settings._replace(resume=resume.location(text))
        except InputError as error:
            complain(error)
    if (text := told.get(firmware.COUNTED)) is not None:
        from initpy.config import counting

        try:
            counted = counting.counted(text)
        except InputError as error:
            complain(error)
            counted = counting.uncertain()
        settings = settings._replace(counting=counted)
    return settings


def absent_keys(settings: Settings) -> frozenset[str]:
    """Return the paths of key files that volumes have in the image and that are not there."""
    keys = (volume.key for volume in (*settings.volumes, settings.unnamed))
    paths = (key.path for key in keys if key and key.device is None and not key.program)
    return frozenset(path for path in paths if not os.path.exists(path))


def run_alone(work: Coroutine[object, object, None]) -> None:
    """Run this to its end without waiting for tasks, threads or programs.

    `asyncio.run` would wait for them. The process ends next, and the kernel cleans up.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if sys.version_info < (3, 12):  # later versions do so by themselves
        # Not a thread for each program, which could not be started either if processes are short.
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(loop)
        asyncio.set_child_watcher(watcher)
    loop.set_exception_handler(_escalate)
    loop.run_until_complete(work)


def _escalate(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """End the engine for an exception in a callback: a restart heals it."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        import traceback

        traceback.print_exception(error)
    os.write(2, f"initpy: the engine has failed: {context.get('message')}\n".encode())
    os._exit(70)  # EX_SOFTWARE of sysexits.h


def key_files(settings: Settings) -> dict[str, str]:
    """Return key files in the image for volumes without a named key (systemd's crypttab(5))."""
    usual = ((each.name, each.usual_key) for each in settings.volumes if each.usual_key)
    found = {name: path for name, path in usual if os.path.exists(path)}
    for folder in KEY_FOLDERS:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for each in names:
            name, ending, rest = each.rpartition(".key")
            if ending and not rest:
                found[name] = f"{folder}/{each}"
    return found
