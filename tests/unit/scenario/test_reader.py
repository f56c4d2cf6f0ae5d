"""Scenario files that are wrong are refused with file, line, key, value and expectation."""

from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.scenario.acts import Deed
from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario

SPARE = '[[disk]]\nname = "c"\nsize = "64M"\n'
SECOND = '[[layer]]\nkind = "lvm"\ngroup = "g"\nname = "w"\nsize = "1M"\n'
VOLUME = SPARE + '[[layer]]\nkind = "lvm"\ngroup = "g"\nname = "v"\non = ["c"]\nsize = "2G"\n'
PART = '[[layer.part]]\nname = "{}"\nsize = "60M"\n'
PARTS = f'{SPARE}[[layer]]\nkind = "partitions"\non = ["c"]\n{PART.format("p")}{PART.format("q")}'
HEADER = (
    '[[disk]]\nname = "small"\nsize = "16M"\n'
    '[[layer]]\nkind = "luks2"\nname = "l"\non = ["small"]\npassphrase = "x"\n'
)
DAMAGE = '[[damage]]\ndisk = "a"\n'
GOOD = """\
title = "a disk"
[machine]
cmdline = "root=LABEL=x"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "1G"
arrives = 12
[[layer]]
kind = "raid1"
name = "md"
on = ["a", "b"]
[[layer]]
kind = "ext4"
on = ["md"]
holds = "root"
[[person]]
when = "Passphrase"
after = 2
type = "secret\\n"
[[fault]]
at = 4
do = "unplug b"
[expect]
outcome = "booted"
"""


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    return load_scenario(path)


def test_a_good_file_becomes_values(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    scenario = load_scenario(path)
    assert scenario.name == "good"
    assert [(disk.size, disk.present, disk.arrives) for disk in scenario.disks] == [
        (64 << 20, True, None),
        (1 << 30, False, 12.0),
    ]
    assert scenario.layers[1].holds == "root"
    assert scenario.faults[0].deed is Deed.UNPLUG
    assert scenario.faults[0].argument == "b"
    assert scenario.expect.outcome is Outcome.BOOTED


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('size = "64M"', 'size = "64 MB"', ":6: disk[1].size: '64 MB': expected a size"),
        ('size = "64M"', "sise = 1", ":4: disk[1].size: nothing: expected a size"),
        ('size = "1G"', 'size = "1G"\nspeed = 3', ":10: disk[2].speed: 'speed': expected one of"),
        ('kind = "raid1"', 'kind = "raid7"', ":12: layer[1].kind: 'raid7': expected one of raid0"),
        ('on = ["md"]', 'on = ["dm"]', ":17: layer[2].on: ['dm']: expected disks or earlier"),
        ('on = ["md"]', 'on = ["a"]', ":17: layer[2].on: ['a']: expected disks or earlier"),
        ('name = "b"', 'name = "a"', ":8: disk[2].name: 'a': expected a unique name"),
        ("unplug b", "unplug c", ":25: fault[1].do: 'unplug c': expected unplug with"),
        (
            "[[fault]]",
            "[simulation]\nluck = 1\n[[fault]]",
            ":24: simulation.luck: 1: expected one of",
        ),
        (
            "[[fault]]",
            "[simulation]\nlost = 2\n[[fault]]",
            ":24: simulation.lost: 2: expected a pro",
        ),
        ("[[fault]]", "[simulation]\nseed = 0.5\n[[fault]]", ": 0.5: expected a whole number"),
        ("at = 4", "", ":23: fault[1].when: nothing: expected either `when`"),
        ('"Passphrase"', '"("', ":20: person[1].when: '(': expected a regular expression"),
        ("arrives = 12", "arrives = true", ":10: disk[2].arrives: True: expected a number"),
        ("[[person]]", "[image]\nminimal = true\n[[person]]", ": True: expected `host` beside it"),
        ("[[person]]", '[image]\nhostname = "a b"\n[[person]]', ": 'a b': expected a host name"),
        ('name = "b"', 'name = "0"', ":8: disk[2].name: '0': expected a short name"),
        ('outcome = "booted"', 'outcome = "fine"', ":27: expect.outcome: 'fine': expected one of"),
        ('holds = "root"', 'holds = "home"', ":18: layer[2].holds: 'home': expected one of"),
        ('holds = "root"', 'holds = "var"', "layer[2].holds: 'var': expected a `system` on an"),
        ('holds = "root"', 'holds = "root"\nsubvolumes = ["a"]', "expected btrfs for a profile or"),
        ('holds = "root"', 'holds = "root"\nlog = ["a"]', "expected names of `on`, for a ZFS pool"),
        ("[[fault]]", "[[fault]", ":23: '[[fault]': expected TOML"),
        ('title = "a disk"', "", ": title: nothing: expected a text"),
        ("[expect]", '[[damage]]\ndisk = "c"\n[expect]', ":27: damage[1].disk: 'c': expected one"),
        ("[expect]", f'{DAMAGE}at = "gpt"\n[expect]', ":28: damage[1].at: 'gpt': expected one of"),
        ("[expect]", f"{DAMAGE}at = 67108864\n[expect]", ":28: damage[1].at: 67108864: expected a"),
        ("[expect]", f"{DAMAGE}at = 0\n[expect]", ":26: damage[1].bytes: nothing: expected one of"),
        ("[expect]", f'{DAMAGE}at = -2\nzero = "3"\n[expect]', ": '3': expected between 1 and 2"),
        ("[expect]", f'{DAMAGE}at = 0\nbytes = "xx"\n[expect]', ": 'xx': expected hexadecimal"),
        ("[expect]", '[expect]\nunchanged = ["c"]', ":27: expect.unchanged: ['c']: expected some"),
        (
            "[[fault]]",
            VOLUME + 'system-id = "a b"\n[[fault]]',
            ": 'a b': expected the name of another",
        ),
        ("[[fault]]", VOLUME + 'left = "dirty"\n[[fault]]', ": 'dirty': expected one of"),
        (
            "[[fault]]",
            VOLUME + 'renamed = "/x"\n[[fault]]',
            ": '/x': expected the name of a volume",
        ),
        (
            "[[fault]]",
            f'{VOLUME.replace("2G", "20M")}{SECOND}system-id = "x"\n[[fault]]',
            ": 'x': expected nothing, since the group's first volume says so",
        ),
        ('size = "64M"', "size = 64", ":6: disk[1].size: 64: expected a size"),
        ('kind = "raid1"', "", ":11: layer[1].kind: nothing: expected one of raid0"),
        ('on = ["md"]', 'on = ["a"]', "(md); a is a path, or has another layer on it"),
        ('on = ["md"]', 'on = ["c"]', "(md); c is unknown"),
        (
            'name = "b"',
            'name = "b"\ncuont = 2',
            ": expected one of the keys announced, arrives, bus, copy_of, count,",
        ),
        (
            "[[person]]",
            "[people]\nx = 1\n[[person]]",
            ":19: people: 'people': expected one of the keys",
        ),
        (
            'cmdline = "root',
            'memory = 8\ncmdline = "root',
            ":3: machine.memory: 8: expected 64 (MiB)",
        ),
        # What no real tool would make.
        ('on = ["a", "b"]', 'on = ["a"]', ":14: layer[1].on: ['a']: expected 2 members or more"),
        (
            '"raid1"',
            '"raid6"',
            ":14: layer[1].on: ['a', 'b']: expected 4 members or more for raid6",
        ),
        (
            'kind = "ext4"',
            'kind = "ext4"\nuuid = "1"',
            ":17: layer[2].uuid: '1': expected a UUID such",
        ),
        (
            'kind = "ext4"',
            f'kind = "xfs"\nlabel = "{"x" * 13}"',
            ": expected 12 bytes or less for xfs",
        ),
        (
            "[[person]]",
            f"{VOLUME}[[person]]",
            ": layer[3].size: '2G': expected no more than the 64M",
        ),
        (
            "[[person]]",
            f"{PARTS}[[person]]",
            ": layer.part[2].size: '60M': expected no more than the 4M",
        ),
        (
            "[[person]]",
            f"{HEADER}[[person]]",
            "expected something of more than 16M, which the header",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    assert before in GOOD
    with pytest.raises(InputError) as caught:
        load(tmp_path, GOOD.replace(before, after, 1))
    assert complaint in str(caught.value)
    assert "scenario.toml" in caught.value.where


def test_a_disk_with_a_count_is_so_many(tmp_path: Path) -> None:
    path = tmp_path / "many.toml"
    path.write_text(
        GOOD.replace('name = "a"\n', 'name = "lun"\ncount = 3\n').replace(
            '"a", "b"', '"lun-2", "b"'
        )
    )
    scenario = load_scenario(path)
    assert [disk.name for disk in scenario.disks] == ["lun-1", "lun-2", "lun-3", "b"]
    assert scenario.layers[0].on == ("lun-2", "b")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        load_scenario(tmp_path / "nowhere.toml")


def test_a_keyfile_must_be_in_the_image(tmp_path: Path) -> None:
    text = GOOD.replace('kind = "raid1"', 'kind = "luks2"\nkeyfile = "/k"').replace(
        'on = ["a", "b"]', 'on = ["a"]'
    )
    with pytest.raises(InputError, match=r"layer\[1\]\.keyfile.*\[image\.files\]"):
        load(tmp_path, text)


def test_the_recipe_ignores_what_the_disks_do_not_depend_on(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text(GOOD)
    other.write_text(GOOD.replace("arrives = 12", "").replace("secret", "other"))
    assert load_scenario(one).recipe() == load_scenario(other).recipe()


SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_file_is_valid(path: Path) -> None:
    assert load_scenario(path).title
