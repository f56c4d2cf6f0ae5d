"""cryptsetup(8): opening volumes; exit status 2 is a wrong passphrase, 5 a device in use."""

from collections.abc import Generator

from initpy.simulation.kernel import dm
from initpy.simulation.kernel.process import Answer, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools import mapper
from initpy.simulation.world.plans import Header, Place, VolumePlan
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import Block, Mapped, World

START_SECONDS = 0.3
INTEGRITY = "_dif"  # what the name of the device below a volume with integrity ends with
WRONG, NO_MEMORY, WRONG_DEVICE, BUSY = 2, 3, 4, 5
WITH_VALUE = ("--type", "--tries", "--key-file", "--hash", "--keyfile-offset", "--keyfile-size")


def cryptsetup(world: World, udev: Udev, call: Call) -> Work:
    """`cryptsetup open … DEVICE NAME`, `cryptsetup close NAME`."""
    if call.words[1:2] == ("close",):
        return (yield from _close(world, udev, call.words[-1]))
    if call.words[1:2] != ("open",):
        return None
    options, (node, name) = _split(call.words[2:])
    yield START_SECONDS
    block = world.at(node)
    if block is None or block.place is None:
        what = f"Device {node} does not exist or access denied."
        return Answer(WRONG_DEVICE, complaints=what)
    if "dm-crypt" not in world.modules and "dm-crypt" in world.without:
        what = "Cannot initialize device-mapper. Is dm_mod kernel module loaded?"
        return Answer(1, complaints=what)
    if dm.named(world, name) is not None:
        return Answer(BUSY, complaints=f"Device {name} already exists.")
    volume, why = _volume(world, block.place, options)
    if volume is None:
        return Answer(1, complaints=why)
    if world.used(block):
        return Answer(BUSY, complaints=f"Cannot use device {node} which is in use (already mapped "
                      "or mounted).")  # fmt: skip
    secret = _secret(world, call, options)
    if volume.memory and volume.memory > _free_memory(world):
        yield 1.0
        return Answer(NO_MEMORY, complaints="Not enough available memory to open a keyslot.")
    yield volume.seconds
    if volume.kind != "plain" and secret not in volume.secrets:
        return Answer(WRONG, complaints="No key available with this passphrase.")
    if not block.present:
        return Answer(WRONG_DEVICE, complaints=f"Device {node} does not exist or access denied.")
    if dm.named(world, name) is not None:
        return Answer(BUSY, complaints=f"Device {name} already exists.")
    if world.used(block):
        return Answer(BUSY, complaints=f"Cannot use device {node} which is in use.")
    dm.load(world, "dm-crypt")
    if volume.integrity and dm.named(world, name + INTEGRITY) is not None:
        return Answer(BUSY, complaints=f"Device {name} already exists.")
    kind, cookie = {"luks1": "LUKS1", "luks2": "LUKS2", "plain": "PLAIN"}[volume.kind], Cookie()
    uuid = f"-{volume.uuid.replace('-', '')}" if volume.kind != "plain" else ""
    mapping = Mapped(name, f"CRYPT-{kind}{uuid}-{name}", volume=volume)
    mapping.read_only = "--readonly" in options or world.read_only(block)
    below = block
    if volume.integrity:
        below = yield from _integrity(world, udev, mapping, uuid, block)
    # What is inside a plain volume is noise unless its secret is right.
    right = secret in volume.secrets
    inside = volume.inside if right else Place(name, volume.inside.size)
    dm.create(world, udev, mapping, inside, [below.name], cookie)
    if volume.kind == "luks2" and not mapping.read_only:
        udev.uevent("change", block, None, True)  # it was open for writing: udev's watch
    yield cookie
    return Answer(0)


def _integrity(
    world: World, udev: Udev, mapping: Mapped, uuid: str, block: Block
) -> Generator[Wait, None, Block]:
    """Create the dm-integrity device below the volume; it is private to the volume.

    _create_device_with_integrity() of cryptsetup 2.6 and 2.7; 2.8 calls it CRYPT-SUBDEV.
    """
    name, cookie = mapping.name + INTEGRITY, Cookie()
    dm.load(world, "dm-integrity")
    private = Mapped(name, f"CRYPT-INTEGRITY{uuid}-{name}", hidden=True)
    private.read_only = mapping.read_only
    size = mapping.volume.inside.size if mapping.volume is not None else 0
    made = dm.create(world, udev, private, Place(name, size), [block.name], cookie)
    yield cookie
    return made


def _close(world: World, udev: Udev, name: str) -> Work:
    """Remove the volume, then the dm-integrity device that was below it: LUKS2_deactivate()."""
    block = dm.named(world, name)
    volume = block.mapping.volume if block is not None and block.mapping is not None else None
    answer = yield from mapper.take_down(world, udev, name)
    if answer is None or answer.status or volume is None or not volume.integrity:
        return answer
    return (yield from mapper.take_down(world, udev, name + INTEGRITY))


def _split(words: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, str]]:
    """Options by name, and the two positional arguments."""
    options: dict[str, str] = {}
    positional: list[str] = []
    pending = ""
    for word in words:
        if pending:
            options[pending], pending = word, ""
        elif word in WITH_VALUE:
            pending = word
        elif word.startswith("--"):
            name, _, value = word.partition("=")
            options[name] = value
        else:
            positional.append(word)
    return options, (positional[0], positional[1])


def _volume(world: World, place: Place, options: dict[str, str]) -> tuple[VolumePlan | None, str]:
    header = options.get("--header", "")
    if options.get("--type") == "plain":
        found = next((each for each in world.disks.volumes if each.on is place), None)
        anything = VolumePlan("plain", "plain", "", (), place, Place("noise", place.size), 0.05)
        return found if found is not None and found.kind == "plain" else anything, ""
    if header:
        volume = world.headers.get(header) or world.disks.headers.get(header)
        device = world.at(header)
        if volume is None and device is not None and device.place is not None:
            content = device.place.content
            volume = content.volume if isinstance(content, Header) else None
        if volume is None:
            return None, f"Device {header} is not a valid LUKS device."
        return volume, ""
    if isinstance(place.content, Header) and place.content.volume.on is place:
        if {"header", "second-header"} <= {*place.damages}:
            return None, f"Device {place.name} is not a valid LUKS device."
        return place.content.volume, ""
    return None, f"Device {place.name} is not a valid LUKS device."


def _secret(world: World, call: Call, options: dict[str, str]) -> bytes:
    path = options.get("--key-file", "-")
    if path == "-":
        secret = call.secret or b""
        # Without --key-file it is a passphrase: it ends with the line.
        return secret if "--key-file" in options else secret.rstrip(b"\n")
    content = dict(world.scenario.files).get(path, "").encode()
    begin = int(options.get("--keyfile-offset", "0"))
    size = int(options.get("--keyfile-size", "0"))
    return content[begin : begin + size] if size else content[begin:]


def _free_memory(world: World) -> int:
    """KiB for a tool: the image and the kernel have the rest."""
    return world.scenario.memory * 1024 - (150 << 10)
