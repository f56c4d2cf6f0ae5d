"""PID 1 names the machine before the first mdadm runs (R36)."""

import ctypes
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.hostname import IN_IMAGE, is_valid, of_file
from initpy.runtime.hostname import COMMAND_LINE, IN_KERNEL, of_command_line, take_name

LIBRARIES = [*Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so")]


def named(cmdline: str, file: str | None) -> tuple[str, list[str]]:
    """Return the name that is set, and what PID 1 says."""
    said: list[str] = []
    files = {COMMAND_LINE: cmdline, IN_IMAGE: file or "", IN_KERNEL: ""}
    take_name(said.append, lambda path: files[path], files.__setitem__)
    return files[IN_KERNEL], said


@pytest.mark.parametrize(
    ("cmdline", "file", "name"),
    [
        ("root=LABEL=a quiet", None, ""),
        ("", "deb\n", "deb"),
        ("", "# the name\n\n deb \nother\n", "deb"),
        ("", "deb.example.org\n", "deb.example.org"),  # mdadm compares all of it
        ("systemd.hostname=rescue", "deb\n", "rescue"),
        ('a="b c" systemd.hostname="rescue" ', None, "rescue"),
        ("systemd.hostname=one systemd.hostname=two", None, "two"),
        ("-- systemd.hostname=of-the-real-init", "deb\n", "deb"),
        ("systemd.hostname", "deb\n", "deb"),
        ("", "localhost\n", "localhost"),
    ],
)
def test_the_command_line_goes_before_the_image(cmdline: str, file: str | None, name: str) -> None:
    assert named(cmdline, file) == (name, [])


def test_what_is_no_name_is_said_in_one_line_and_ignored() -> None:
    name, said = named("systemd.hostname=a/b", "deb\n")
    assert name == "deb"
    assert len(said) == 1
    assert said[0].startswith("command line: systemd.hostname: 'a/b': expected a host name")
    name, said = named("", "-.-\n")
    assert (name, len(said)) == ("", 1)
    assert "/etc/hostname: '-.-': expected a host name; ignored" in said[0]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("two words\n", "twowords"), ("a_b\n", "ab"), ("deb # mine\n", "debmine"),
        ("a..b\n", "a.b"), ("host.\n", "host"), ("-a\n", "a"), ("a-.b\n", "a-b"),
        ("a.-b\n", "a.b"), ("ab-.\n", "ab"), ("häus\n", "hus"), ("a" * 70 + "\n", "a" * 64),
    ],
)  # fmt: skip
def test_a_name_with_slips_is_what_systemd_makes_of_it(file: str, name: str) -> None:
    """mdadm of the real system names arrays by it, and compares them."""
    found, (said,) = named("", file)
    assert found == name
    assert said.endswith(f"expected a host name; {name} is used, as by systemd")


@pytest.mark.skipif(not LIBRARIES, reason="needs libsystemd-shared")
@given(st.text(st.sampled_from("ab1-._ :#ä\t\r\n\0"), max_size=12) | st.text(max_size=6))
def test_any_file_is_read_as_by_systemd(text: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.flush()
        result = ctypes.c_char_p()
        library = ctypes.CDLL(str(LIBRARIES[0]))
        library.read_etc_hostname(file.name.encode(), ctypes.byref(result))
    assert of_file(text) == (result.value or b"").decode()


def test_a_name_that_cannot_be_set_does_not_end_the_boot() -> None:
    def refuse(path: str, _: str) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    said: list[str] = []
    take_name(said.append, lambda path: "deb" if path == IN_IMAGE else "", refuse)
    assert said == ["cannot set the host name: Operation not permitted"]


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "ä", "a" * 65, "a\0"])
def test_what_is_no_host_name(name: str) -> None:
    assert not is_valid(name)


def test_a_parameter_without_a_value_is_no_name() -> None:
    assert of_command_line("systemd.hostname quiet") is None
