"""Random multipath.conf as multipath itself and initpy read them (R28)."""

import random
import shutil
import subprocess

import namespaces
import pytest

from initpy.image.content import multipathconf
from initpy.image.content.multipathconf import Rule, Tables

CASES = 120
PATTERNS = (
    "35000c500e8b7be43", "36", ".*", "^sd[a-z]", "!^sd[ab]", "a b", "*", "[", "sd\\d", "", "(",
    "x)", "a{1,2}", "a{2,1}", "x#y", "x!y", "ä", "[[:alpha:]]",
)  # fmt: skip
FORMS = (
    '"{}"',
    "{}",
    '"{}',
    "'{}'",
    '"{}" x',
    "{} # c",
    '"{}"!c',
    '{}"',
    '""{}',
    '"a{}"b',
    '"{}""b"',
)
LINES = {
    "defaults": ("find_multipaths", "user_friendly_names", "wwids_file", "bindings_file",
                 "verbosity", "nonsense"),
    "blacklist": ("devnode", "wwid", "property", "protocol", "foo", "device"),
    "blacklist_exceptions": ("devnode", "wwid", "property", "protocol", "device"),
    "devnode_blacklist": ("devnode",),
    "overrides": ("user_friendly_names", "no_path_retry", "wwid", "protocol {"),
    "multipaths": ("multipath",),
    "devices": ("vendor", "device"),
    "foo": ("bar", "device"),
}  # fmt: skip
WORDS = {
    "find_multipaths": ("yes", "no", "on", "1", "greedy", '"smart"', "off", "YES", "bogus"),
    "user_friendly_names": ("yes", "no", "1", "0", "YES", '"yes"', "on", 'yes "no"'),
    "wwids_file": ("/etc/x", "/x y", '"/a b"', "x"),
    "bindings_file": ("/etc/x", '"/c', "b"),
}
BRACES = (" {", " {", " {", "{", "\t{ # c", " { x", " {}", "")


def configuration(chance: random.Random) -> str:
    lines = [line for _ in range(chance.randint(1, 3)) for line in _section(chance)]
    spoilt = [
        chance.choice((f"#{line}", f"!{line}", f"{line}\r", "", "{", "}"))
        if chance.random() < 0.04 else line
        for line in lines
    ]  # fmt: skip
    return "\n".join(spoilt) + chance.choice(("\n", ""))


def _section(chance: random.Random) -> list[str]:
    name = chance.choice(tuple(LINES))
    lines = [name + chance.choice(BRACES)]
    for _ in range(chance.randint(0, 4)):
        word = chance.choice(LINES[name])
        if word == "protocol {":
            lines += [f" {word}", '  type "scsi:fcp"', " }"]
        elif word in ("device", "multipath"):
            keys = ["wwid", "alias"] if word == "multipath" else ["vendor", "product"]
            inner = (f"  {key} {_pattern(chance)}" for key in (*keys, "no_path_retry"))
            lines += [f" {word}{chance.choice(BRACES)}", *inner, " }"]
        else:
            value = chance.choice(WORDS[word]) if word in WORDS else _pattern(chance)
            lines.append(f" {word}{chance.choice((' ', chr(9), ''))}{value}")
    return [*lines, chance.choice(("}", "}", "}", "} x", "}}", ""))]


def _pattern(chance: random.Random) -> str:
    return chance.choice(FORMS).format(chance.choice(PATTERNS))


def printed(text: str) -> str:
    """What `multipath -t` says with this file alone in /etc; "" if it refuses the file."""
    script = "mount -t tmpfs none /etc && cat > /etc/multipath.conf && exec multipath -t"
    command = namespaces.command(script)
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    return done.stdout.decode(errors="surrogateescape")


def _possible() -> bool:
    return shutil.which("multipath") is not None and "find_multipaths" in printed("")


def _whole(rules: tuple[Rule, ...]) -> set[Rule]:
    """The rules in one order of their patterns, without those that say nothing of a disk."""
    return {each._replace(patterns=tuple(sorted(each.patterns))) for each in rules if each.patterns}


def _compared(tables: Tables, files: bool) -> tuple[object, ...]:
    """What is compared; `files`: multipath lets itself be told where these are (up to 0.9)."""
    aliases = {wwid: name for wwid, name in tables.aliases if name}
    places = (tables.wwids, tables.bindings) if files else ()
    return tables.find, tables.friendly, aliases, *places


def _is_partial(rule: Rule) -> bool:
    """A device without a vendor or product is printed without its closing brace (0.9.4)."""
    return rule.what == "device" and len(rule.patterns) == 1


@pytest.mark.skipif(not _possible(), reason="needs multipath, and namespaces to run it in")
def test_random_files_are_read_as_by_multipath() -> None:
    built_in = multipathconf.read([printed("")])
    files = '"/x"' in printed("defaults {\n wwids_file /x\n}\n")
    chance = random.Random(28)
    for _ in range(CASES):
        text = configuration(chance)
        found, shown = multipathconf.read([multipathconf.BUILT_IN, text]), printed(text)
        assert (found.invalid is None) is bool(shown), text
        if not shown or any(map(_is_partial, (*found.black, *found.white))):
            continue
        expected = multipathconf.read([shown])
        for ours, theirs, given in (
            (found.black, expected.black, built_in.black),
            (found.white, expected.white, built_in.white),
        ):
            assert _whole(ours) - _whole(given) == _whole(theirs) - _whole(given), text
        assert _compared(found, files) == _compared(expected, files), text
