"""Time spans as systemd.time(7) writes them."""

import pytest

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.fstab import parse_fstab
from initpy.config.settings import read_settings
from initpy.config.timespan import limit_of, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1min30s", 90), ("1min 30s", 90), ("2h", 7200), ("1.5min", 90), ("0", 0),
        ("500ms", 0.5), ("1day", 86400), ("3M", 7889400), ("10seconds", 10), ("1 min", 60),
        ("", None), ("soon", None), ("1min30x", None), ("-5", None), ("1__0", None),
        ("min", None), ("infinity", None), ("9999999999", None), ("1.5.5", None),
    ],
)  # fmt: skip
def test_a_time_span(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_for_ever_is_what_the_parameter_makes_of_it() -> None:
    assert Parameter("rd.timeout", "infinity").seconds(for_ever=0.0) == 0.0
    with pytest.raises(InputError, match=r"rd\.md\.timeout: 'infinity': expected a number"):
        Parameter("rd.md.timeout", "infinity").seconds()


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("rd.timeout=2min", 120.0), ("rd.retry=1min30s", 90.0), ("rootdelay=5min", 300.0),
        ("rootwait=10min", 600.0), ("rd.timeout=infinity", None), ("rd.timeout=0", None),
        ("rootflags=noatime,x-systemd.device-timeout=5min", 300.0),
        ("rootflags=x-systemd.device-timeout=0", None),
        ("mount.usrflags=x-systemd.device-timeout=infinity", None),
        ("rd.timeout=30 rootflags=x-systemd.device-timeout=3min", 180.0),
    ],
)  # fmt: skip
def test_the_wait_for_root_as_users_of_systemd_write_it(line: str, seconds: float | None) -> None:
    settings, problems = read_settings(f"root=LABEL=x {line}")
    assert problems == ()
    assert settings.root_wait == seconds


def test_a_limit_of_a_mount_option_that_is_no_time_is_said() -> None:
    _, problems = read_settings("root=LABEL=x rootflags=x-systemd.device-timeout=soon")
    (found,) = map(str, problems)
    assert "rootflags=x-systemd.device-timeout: 'soon': expected a number of seconds" in found


def test_other_parameters_take_spans_too() -> None:
    line = "rd.md.timeout=1min rd.lvm.timeout=2min rd.luks.timeout=90s rd.luks.key.tout=infinity"
    settings, problems = read_settings(f"root=LABEL=x {line} resume=LABEL=s resumedelay=infinity")
    assert problems == ()
    assert (settings.md_timeout, settings.lvm.timeout) == (60.0, 120.0)
    assert settings.unnamed.timeout == 90.0
    assert settings.resume is not None
    assert settings.resume.seconds is None


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ("ro,x-systemd.device-timeout=5min", 300.0), ("x-systemd.device-timeout=0", None),
        ("x-systemd.device-timeout=infinity", None), ("x-systemd.device-timeout=soon", 0.0),
        ("ro", 0.0), ("x-systemd.device-timeout=9,x-systemd.device-timeout=20s", 20.0),
    ],
)  # fmt: skip
def test_the_time_that_mount_options_give_a_device(options: str, limit: float | None) -> None:
    """Of /usr and the like in the root's own fstab."""
    assert limit_of(options.split(",")) == limit
    (mount,), _ = parse_fstab(f"UUID=a /usr ext4 {options} 0 2\n")
    assert mount.limit == limit
