"""Where the command line says that a hibernated system may be (R20)."""

import pytest

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import RESUME_SECONDS, Resume

SWAP = DeviceSpec(Naming.UUID, "abcd")


def understood(words: str) -> Resume | None:
    """The settings, which have no problems."""
    settings, problems = read_settings(f"root=LABEL=root {words}")
    assert not problems
    return settings.resume


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", None),
        ("resume=UUID=abcd", Resume(SWAP)),
        ("resume=/dev/disk/by-uuid/abcd", Resume(SWAP)),
        ("resume=LABEL=sleep", Resume(DeviceSpec(Naming.LABEL, "sleep"))),
        ("resume=PARTUUID=AB-02", Resume(DeviceSpec(Naming.PARTUUID, "AB-02"))),
        ("resume=/dev/mapper/vg-swap", Resume(DeviceSpec(Naming.PATH, "/dev/mapper/vg-swap"))),
        ("resume=8:3", Resume(DeviceSpec(Naming.NUMBER, "8:3"))),
        ("resume=UUID=abcd resume_offset=34816", Resume(SWAP, 34816)),
        ("resume=LABEL=old resume=UUID=abcd", Resume(SWAP)),
        ("resume=UUID=abcd resume=none", None),
        ("resume=UUID=abcd resume=", None),
        ("resume=UUID=abcd noresume", None),
        ("noresume resume=UUID=abcd", None),
        ("noresume=1 resume=UUID=abcd", None),
        ("noresume=0 resume=UUID=abcd", Resume(SWAP)),
        ("resume=uuid=abcd", Resume(SWAP)),  # systemd would wait for a device of this name
        ("resume=UUID=abcd hibernate=no", None),
        ("resume=UUID=abcd hibernate=noresume", None),
        ("resume=UUID=abcd hibernate=nocompress", Resume(SWAP)),
        ("resume=UUID=abcd resumewait", Resume(SWAP, seconds=None)),
        ("resume=UUID=abcd resumedelay=25", Resume(SWAP, seconds=25.0)),
        ("resume=UUID=abcd resumedelay=2", Resume(SWAP, seconds=RESUME_SECONDS)),
        ("resume=UUID=abcd resumeflags=x-systemd.device-timeout=3s", Resume(SWAP, seconds=3.0)),
        ("resume=UUID=abcd resumeflags=noatime", Resume(SWAP)),
    ],
)
def test_what_users_write(words: str, expected: Resume | None) -> None:
    assert understood(words) == expected


def test_the_word_alone_does_not_forbid_it() -> None:
    """A hibernated system would be lost: systemd ignores the word, too."""
    settings, (problem,) = read_settings("root=LABEL=root resume=UUID=abcd resume")
    assert settings.resume == Resume(SWAP)
    assert "or none; it is ignored" in str(problem)


def test_who_forbids_it_forbids_what_the_firmware_says_too() -> None:
    assert read_settings("root=LABEL=root")[0].may_resume
    assert not read_settings("root=LABEL=root noresume")[0].may_resume
    assert not read_settings("root=LABEL=root hibernate=no")[0].may_resume


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("resume=swap", "command line: resume: 'swap': expected UUID=…"),
        ("resume=gpt-auto", "command line: resume: 'gpt-auto': expected UUID=…"),
        ("resume_offset=-1", "command line: resume_offset: '-1': expected a number of pages"),
        ("resume_offset=x", "command line: resume_offset: 'x': expected a number of pages"),
        ("resumedelay=soon", "command line: resumedelay: 'soon': expected a number of seconds"),
        (
            "resumeflags=x-systemd.device-timeout=soon",
            "command line: resumeflags=x-systemd.device-timeout: 'soon': expected a number of",
        ),
    ],
)
def test_a_malformed_value_is_one_line_and_the_boot_goes_on(words: str, complaint: str) -> None:
    settings, problems = read_settings(f"root=LABEL=root {words}")
    assert settings.root is not None
    assert settings.resume is None
    [problem] = problems
    assert str(problem).startswith(complaint)


BY_IMAGE = "resume= in /etc/initpy/parameters"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", Resume(SWAP, by=BY_IMAGE, default=True)),
        ("resume=LABEL=sleep", Resume(DeviceSpec(Naming.LABEL, "sleep"))),
        ("resume_offset=16", Resume(SWAP, 16, BY_IMAGE, default=True)),
        ("resumewait", Resume(SWAP, by=BY_IMAGE, seconds=None, default=True)),
        ("noresume", None),
        ("resume=none", None),
        ("-- resume=LABEL=sleep", Resume(SWAP, by=BY_IMAGE, default=True)),
    ],
)
def test_the_command_line_wins_against_the_image(words: str, expected: Resume | None) -> None:
    settings, problems = read_settings(words, defaults="resume=UUID=abcd\n")
    assert not problems
    assert settings.resume == expected


def test_a_mistake_in_the_image_names_its_file() -> None:
    settings, (problem,) = read_settings("root=LABEL=root", defaults="resume=sda2\n")
    assert settings.resume is None
    assert str(problem).startswith("/etc/initpy/parameters: resume: 'sda2': expected")
