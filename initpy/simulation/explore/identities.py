"""Random identities: who has made the arrays, whose image it is, how root is named.

Drawn from a generator of its own, so that worlds without an identity stay what they are.
"""

import random
import re
from dataclasses import replace

from initpy.scenario.model import RAID, Layer, Partition, Scenario

SHARE = 0.5  # of the worlds
HERE, ELSEWHERE = "deb", "elsewhere"
CONF = "/etc/mdadm/mdadm.conf"
PART_UUID = "5d0c7a0c-1f7e-4d0c-9a53-0d3c6e1f0001"
HOMEHOSTS = ("<system>", "<ignore>", "<none>", HERE, ELSEWHERE, f"{ELSEWHERE} <ignore>")
AUTO = ("homehost", "+1.x", "-1.x", "+0.90", "-0.90", "+all", "-all", "-imsm", "-ddf")
WORDS = (
    f"systemd.hostname={HERE}", f"systemd.hostname={ELSEWHERE}", "systemd.hostname=a/b",
    f"hostname={HERE}", "rd.md.conf=0",
)  # fmt: skip


def with_identity(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with arrays and an image of certain machines."""
    chance = random.Random(f"identity {number}")
    if chance.random() >= SHARE:
        return scenario
    layers = tuple(_made(chance, scenario, layer) for layer in scenario.layers)
    words = [each for each in WORDS if chance.random() < 0.1]
    hostname = chance.choices((HERE, "", "other"), (60, 25, 15))[0]
    files = scenario.files
    if chance.random() < 0.4:
        layers, conf = _configured(chance, layers)
        files = (*files, (CONF, _kept_off(number, conf)))
    cmdline = " ".join((scenario.cmdline, *words))
    variant = replace(scenario.variant, hostname=hostname)
    found = replace(scenario, layers=layers, files=files, cmdline=cmdline, variant=variant)
    return _root_by_array(number, _root_by_partition(chance, found))


def _made(chance: random.Random, scenario: Scenario, layer: Layer) -> Layer:
    """An array by some host, perhaps with old metadata."""
    if layer.kind not in RAID:
        return layer
    host = chance.choices((HERE, "any", ELSEWHERE, "<none>"), (40, 25, 25, 10))[0]
    old = chance.random() < 0.2 and _may_be_old(scenario, layer)
    return replace(layer, homehost=host, metadata="0.90" if old else layer.metadata)


def _may_be_old(scenario: Scenario, layer: Layer) -> bool:
    """A superblock at the end would show on what the array stands on, and above it, too."""
    disks = {disk.name for disk in scenario.disks}
    above = [each.kind for each in scenario.layers if layer.name in each.on]
    apart = {*layer.on} <= disks and not {*above} & {*RAID, "partitions"}
    return apart and layer.left != "dirty"  # the disk maker leaves 1.2 dirty only


def _configured(chance: random.Random, layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], str]:
    """An mdadm.conf that names some arrays; the UUIDs that it names them by are fixed."""
    lines, found = [], []
    if chance.random() < 0.5:
        lines.append(f"HOMEHOST {chance.choice(HOMEHOSTS)}")
    for number, layer in enumerate(layers):
        if layer.kind in RAID and chance.random() < 0.4:
            uuid = f"{number:08d}:00000000:00000000:{number:08d}"
            layer = replace(layer, uuid=uuid)
            device = chance.choice((f"/dev/md/{number}", f"/dev/md{number}", f"/dev/md/n{number}"))
            name = f" name={HERE}:{layer.name}" if chance.random() < 0.3 else ""
            lines.append(f"ARRAY {device} metadata=1.2 UUID={uuid}{name}")
        found.append(layer)
    return tuple(found), "".join(f"{line}\n" for line in (*lines, "MAILADDR root"))


def _kept_off(number: int, conf: str) -> str:
    """The same mdadm.conf, perhaps with arrays that it keeps off.

    From a generator of its own, so that the other worlds stay what they are.
    """
    chance = random.Random(f"kept off {number}")
    if chance.random() < 0.5:
        words = [word for word in AUTO if chance.random() < 0.4]
        conf = f"AUTO {' '.join(chance.sample(words, len(words)))}\n{conf}" if words else conf
    if chance.random() < 0.3:
        conf = re.sub(r"ARRAY \S+", "ARRAY <ignore>", conf, count=1)
    return conf


def _root_by_partition(chance: random.Random, scenario: Scenario) -> Scenario:
    """Root is named by PARTUUID where it is on a partition."""
    root = next((each for each in scenario.layers if each.holds == "root"), None)
    if root is None or chance.random() < 0.5:
        return scenario
    parts = [part for layer in scenario.layers for part in layer.parts if part.name in root.on]
    if len(root.on) != 1 or not parts:
        return scenario
    layers = tuple(_with_uuid(layer, parts[0]) for layer in scenario.layers)
    words = [word for word in scenario.cmdline.split() if not word.startswith("root=")]
    return replace(
        scenario, layers=layers, cmdline=" ".join((f"root=PARTUUID={PART_UUID}", *words))
    )


def _root_by_array(number: int, scenario: Scenario) -> Scenario:
    """Root is named as the array that it is on is called on the host that made it.

    From a generator of its own, so that the other worlds stay what they are.
    """
    chance = random.Random(f"root by array {number}")
    root = next((each for each in scenario.layers if each.holds == "root"), None)
    arrays = {each.name for each in scenario.layers if each.kind in RAID}
    if root is None or not arrays.issuperset(root.on) or chance.random() < 0.6:
        return scenario
    words = [word for word in scenario.cmdline.split() if not word.startswith("root=")]
    return replace(scenario, cmdline=" ".join((f"root=/dev/md/{root.on[0]}", *words)))


def _with_uuid(layer: Layer, part: Partition) -> Layer:
    parts = tuple(replace(p, uuid=PART_UUID) if p is part else p for p in layer.parts)
    return replace(layer, parts=parts) if part in layer.parts else layer
