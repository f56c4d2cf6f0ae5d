"""Which volume groups the command line names (R1)."""

import pytest

from initpy.config.settings import read_settings
from initpy.core.layer import Layer
from initpy.core.settings import GroupPolicy, LayerPolicy
from initpy.core.storage.lvm.names import volume_of


def understood(command_line: str, table: str | None = None) -> tuple[GroupPolicy, LayerPolicy]:
    """The settings, which have no problems."""
    settings, problems = read_settings(command_line, table)
    assert not problems
    return settings.lvm, settings.layer(Layer.LVM)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/dev/vg0/root", ("vg0", "root")),
        ("/dev/mapper/vg0-root", ("vg0", "root")),
        ("/dev/mapper/my--vg-root--fs", ("my-vg", "root-fs")),
        ("/dev/mapper/a----b-c", ("a--b", "c")),
        ("/dev/mapper/cryptroot", None),
        ("/dev/mapper/luks-3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001", None),
        ("/dev/mapper/vg0-lv-real", None),
        ("/dev/md/root", None),
        ("/dev/sda1", None),
        ("/dev/disk/by-id/x", None),
        ("/dev/cciss/c0d0", None),
    ],
)
def test_a_path_may_mean_a_logical_volume(path: str, names: tuple[str, str] | None) -> None:
    assert volume_of(path) == names


def test_root_by_path_hints_at_its_group_and_names_none() -> None:
    policy, layer = understood("root=/dev/vg0/root")
    assert policy.hinted == {"vg0"}
    assert not layer.named
    assert not policy.volumes


def test_resume_hints_too_when_root_is_a_path() -> None:
    assert understood("root=/dev/vg0/root resume=/dev/vg1/swap")[0].hinted == {"vg0", "vg1"}
    assert not understood("root=UUID=abcd resume=/dev/vg1/swap")[0].hinted


def test_a_root_on_an_encrypted_volume_hints_at_the_group_below() -> None:
    table = "my-crypt /dev/vg0/crypt none luks\n"
    assert understood("root=/dev/mapper/my-crypt", table)[0].hinted == {"vg0"}
    table = "my-crypt UUID=3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001 none luks\n"
    assert not understood("root=/dev/mapper/my-crypt", table)[0].hinted


def test_parameters_name_groups_and_root_is_among_them() -> None:
    policy, layer = understood("root=/dev/vg0/root rd.lvm.vg=vg1")
    assert layer.named == {"vg0", "vg1"}
    assert not policy.volumes


def test_named_volumes_narrow_their_group_down_to_them_and_root() -> None:
    policy, layer = understood("root=/dev/vg0/root rd.lvm.lv=vg0/swap")
    assert layer.named == {"vg0"}
    assert policy.volumes == {"vg0/swap", "vg0/root"}


def test_a_group_named_as_a_whole_is_not_narrowed_down() -> None:
    policy, _ = understood("root=UUID=abcd rd.lvm.vg=vg0 rd.lvm.lv=vg0/swap rd.lvm.lv=vg1/x")
    assert policy.volumes == {"vg1/x"}


def test_timer_mode_and_configuration() -> None:
    policy, _ = understood("rd.lvm.timeout=7 rd.lvm.activationmode=partial rd.lvm.conf=0")
    assert (policy.timeout, policy.mode, policy.configured) == (7.0, "partial", False)
    policy, _ = understood("")
    assert (policy.timeout, policy.mode, policy.configured) == (30.0, "", True)


def test_an_unknown_mode_is_a_problem_and_changes_no_group() -> None:
    settings, (problem,) = read_settings("rd.lvm.activationmode=maybe")
    assert str(problem).endswith("'maybe': expected complete, degraded or partial")
    assert settings.lvm.mode == "complete"


def test_the_group_of_a_file_systems_that_has_the_root_in_a_file_is_the_one_meant() -> None:
    assert understood("root=/dev/vg0/host loop=/root.img")[0].hinted == {"vg0"}
