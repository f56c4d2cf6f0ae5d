"""Reading keys and headers from where users keep them, as the runtime's children do it."""

import os
from collections.abc import Generator
from typing import NamedTuple

from initpy.core.actions import Fetch
from initpy.core.events import Fetched
from initpy.core.secret import Secret
from initpy.simulation.kernel.process import Exactly, Wait
from initpy.simulation.kernel.reading import AGAIN_SECONDS, ready
from initpy.simulation.world.plans import FileSystem, Header
from initpy.simulation.world.world import World

READ_SECONDS, SCRIPT_SECONDS = 0.15, 0.2


class Read(NamedTuple):
    """What was read, or why not; `path` of a header that has become a file."""

    secret: bytes | None = None
    error: str = ""
    path: str = ""


def event_of(key: tuple[str, int], read: object) -> Fetched:
    """The answer as the core gets it."""
    assert isinstance(read, Read)
    secret = Secret(read.secret) if read.secret is not None else None
    return Fetched(*key, secret, read.error, read.path)


def fetch(world: World, action: Fetch) -> Generator[Wait, None, Read]:
    """Do what the action says, once there is room for a process."""
    while world.short:
        yield Exactly(AGAIN_SECONDS)
    if action.program:
        return (yield from _script(world, action.program))
    yield READ_SECONDS
    if world.silent and (unread := (yield from ready(world, (action.node,)))) is not None:
        return Read(error=f"{action.node}: {unread.complaints}")
    block = world.at(action.node)
    place = block.place if block is not None else None
    if place is None:
        return Read(error="No such file or directory")
    if action.check:
        return _checked(world, action, place.damages)
    if not action.path:
        for at, data in world.disks.raw.get(place.name, {}).items():
            begin = action.offset - at
            if 0 <= begin < len(data):
                return Read(data[begin : begin + action.size] if action.size else data[begin:])
        return Read(bytes(action.size or 512))
    system = place.content
    if not isinstance(system, FileSystem) or system.kind not in action.types:
        kinds = ", ".join(action.types)
        return Read(error=f"{action.node} ({kinds}): Invalid argument")
    if action.path in system.headers and action.keep:
        world.headers[action.keep] = system.headers[action.path]
        return Read()
    if action.path not in system.files:
        return Read(error=f"{action.path} on {action.node}: {os.strerror(2)}")
    data = system.files[action.path].encode()[action.offset :]
    return Read(data[: action.size] if action.size else data)


def _checked(world: World, action: Fetch, damages: list[str]) -> Read:
    """The LUKS2 header and its copy; an intact one becomes a file."""
    broken = {"header", "second-header"} & {*damages}
    if len(broken) == 2:
        return Read(error="both copies of it are damaged")
    block = world.at(action.node)
    content = block.place.content if block is not None and block.place is not None else None
    if broken and isinstance(content, Header):
        world.headers[action.keep] = content.volume
        return Read(path=action.keep)
    return Read()


# A script that gives a key as soon as the mapping of this name is there.
DERIVED = "[ -e /dev/mapper/$1 ] && exec cat /lab/$1"


def _script(world: World, program: tuple[str, ...]) -> Generator[Wait, None, Read]:
    """A key script of the image; the simulator knows scripts that print a file."""
    yield SCRIPT_SECONDS
    files = dict(world.scenario.files)
    script = files.get(program[0])
    if script is None:
        return Read(error="cannot be run: No such file or directory")
    name = program[1] if len(program) > 1 else ""
    if DERIVED in script:
        opened = any((each.known or {}).get("DM_NAME") == name for each in world.blocks.values())
        content = files.get(f"/lab/{name}", "") if opened else ""
        return Read(content.encode()) if content else Read(error="status 1")
    if "exec cat $1" not in script:
        world.cannot(f"the key script {program[0]}")
        return Read(error="status 127")
    content = files.get(name, "")
    return Read(content.encode()) if content else Read(error="status 1")
