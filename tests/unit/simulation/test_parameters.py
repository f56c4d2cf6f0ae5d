"""The oracle reads command lines by itself, and comes to the same as the real configuration."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.layer import Layer
from initpy.core.settings import Settings
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.explore.generate import draw
from initpy.simulation.oracle.parameters import wishes_of
from initpy.simulation.oracle.wishes import Key, Name, Volume, Wishes

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
WORLDS = 300
A, B = (f"3b1f4c52-6f0e-4c56-8f55-00000000000{number}" for number in (1, 2))


def name_of(spec: DeviceSpec | None) -> Name | None:
    """As the oracle says it."""
    if spec is None:
        return None
    if spec.naming in (Naming.NUMBER, Naming.GPT_AUTO):
        return Name("", spec.value or "gpt-auto")
    return Name(spec.naming.value, spec.value)


def same(wishes: Wishes, settings: Settings) -> Iterator[tuple[str, object, object]]:
    """What the oracle reads, and what the configuration does."""
    root = name_of(settings.root)
    yield "root", wishes.root.how, root.how if root is not None else ""
    if root is not None and root.how:
        yield "root", wishes.root.value.lower(), root.value.lower()
    yield "rd.timeout", wishes.root_wait, settings.root_wait
    yield "rd.md.timeout", wishes.md_timeout, settings.md_timeout
    yield "rd.md.degraded", wishes.md_degraded, settings.md_degraded.value
    yield "rd.lvm.timeout", wishes.lvm_timeout, settings.lvm.timeout
    yield "groups", wishes.hinted, settings.lvm.hinted
    yield "flags", wishes.flags, settings.mount.flags
    off = {layer.value for layer in Layer if not settings.layer(layer).enabled}
    yield "rd.LAYER", wishes.off, off
    yield "rd.md.uuid", "md" in wishes.named, bool(settings.layer(Layer.MD).named)
    # Not what a line of crypttab may turn out to mean: only the machine tells.
    sure = [each for each in settings.volumes if each.also is None]
    yield "volumes", [v.name for v in wishes.volumes], [v.name for v in sure]
    for mine, its in zip(wishes.volumes, sure, strict=True):
        yield "source", mine.source, name_of(its.source)
        yield "tries", (mine.tries, mine.optional), (its.tries, its.optional)
        if not mine.odd and (mine.key is None or not mine.key.odd):
            its_key = its.key and Key(its.key.path, name_of(its.key.device))
            yield "key", mine.key, its_key


def compare(scenario: Scenario) -> None:
    wishes = wishes_of(scenario)
    if not wishes.unclear:
        settings, _ = read_settings(scenario.cmdline, dict(scenario.files).get("/etc/crypttab"))
        for what, mine, its in same(wishes, settings):
            assert mine == its, what


def test_in_random_worlds() -> None:
    for number in range(WORLDS):
        compare(draw(number).scenario)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_in_each_scenario(path: Path) -> None:
    compare(load_scenario(path))


def read(cmdline: str, table: str = "") -> Wishes:
    plain = load_scenario(SCENARIOS[0])
    return wishes_of(replace(plain, cmdline=cmdline, files=(("/etc/crypttab", table),)))


def test_the_command_line_leaves_of_the_table_what_it_names() -> None:
    table = f"one UUID={A} none luks,tries=1\ntwo UUID={B} /key:LABEL=STICK luks,nofail\n"
    stick = Key("/key", Name("LABEL", "STICK"))
    one = Volume(Name("UUID", A), "one", tries=1)
    two = Volume(Name("UUID", B), "two", stick, optional=True)
    assert read("root=LABEL=r", table).volumes == [one, two]
    assert read(f"root=LABEL=r rd.luks.uuid={B}", table).volumes == [two]
    assert read("root=LABEL=r rd.luks.crypttab=0", table).volumes == []


def test_what_is_wrong_counts_as_not_said() -> None:
    wishes = read("root=LABEL=r rd.timeout=soon rd.md.degraded=perhaps rd.luks.uuid=none")
    assert (wishes.root_wait, wishes.md_degraded, wishes.volumes) == (90.0, "no", [])


def test_what_it_does_not_follow_is_said() -> None:
    assert read("root=LABEL=r loop=/root.img").unclear == ["loop"]
    assert read("root=LABEL=r quiet").unclear == []
