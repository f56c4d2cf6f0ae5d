"""Programs by name and by path, their other names, and the interpreters of scripts."""

import pytest

from initpy.image import process
from initpy.image.content.programs import Named, applets, find_programs, interpreters_of
from initpy.image.missing import IncompleteError, Missing
from initpy.image.process import ToolError


def test_programs_have_their_other_names() -> None:
    found, missing = find_programs((Named("kmod", "test"),))
    assert missing == ()
    assert {program.path.name for program in found} >= {"kmod", "modprobe"}


def test_all_missing_programs_are_listed_at_once_with_their_packages() -> None:
    _, missing = find_programs((Named("/nowhere/mdadm", "md"), Named("no-such-program", "mine")))
    text = str(IncompleteError(missing))
    assert "2 missing" in text
    assert "mdadm  " in text and "wanted by md: apt install mdadm" in text
    assert "no-such-program" in text
    assert text.endswith("to get them: apt install mdadm")


def test_packages_follow_only_from_plain_hints() -> None:
    text = str(IncompleteError([Missing("file", "x", "y", "apt install a, or run `b`")]))
    assert "to get them" not in text


@pytest.mark.parametrize(
    ("first", "interpreters"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#! /bin/bash -e\n", ("/bin/bash",)),
        (b"#!/usr/bin/env python3\n", ("/usr/bin/env", "python3")),
        (b"#!/usr/bin/env -S python3 -u\n", ("/usr/bin/env", "python3")),
        (b"#!/usr/bin/env -Spython3 -u\n", ("/usr/bin/env", "python3")),
        (b"#!/usr/bin/env -vS FOO=1 -i perl -w\n", ("/usr/bin/env", "perl")),
        (b"#!/usr/bin/env --split-string=-u HOME bash\n", ("/usr/bin/env", "bash")),
        (b"#!/usr/bin/env -S -C / bash\n", ("/usr/bin/env", "bash")),
        (b"#!/usr/bin/env\n", ("/usr/bin/env",)),
        (b"#!/bin/sh\r\n", ("/bin/sh",)),
        (b"#!\n", ()),
        (b"\x7fELF", ()),
        (b"", ()),
    ],
)
def test_what_a_script_starts_with(first: bytes, interpreters: tuple[str, ...]) -> None:
    assert interpreters_of(first) == interpreters


def test_busybox_never_replaces_init() -> None:
    assert applets(b"linuxrc\nsbin/init\nbin/sh\nusr/bin/[\n") == ("/bin/sh", "/usr/bin/[")


def test_a_failure_names_command_output_and_hint() -> None:
    with pytest.raises(ToolError) as caught:
        process.run(["sh", "-c", "echo broken pipework >&2; exit 3"], hint="call a plumber")
    text = str(caught.value)
    assert "exit status 3" in text
    assert "broken pipework" in text
    assert "command: sh -c 'echo broken" in text
    assert "call a plumber" in text


def test_an_absent_tool_is_named() -> None:
    with pytest.raises(ToolError, match="could not be started: No such file"):
        process.run(["/nowhere/tool"])


def test_tools_do_not_see_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XZ_OPT", "-0")
    monkeypatch.setenv("LC_ALL", "de_DE")
    environment = process.run(["env"]).decode()
    assert "XZ_OPT" not in environment and "de_DE" not in environment
