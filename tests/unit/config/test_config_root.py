"""R18: the parameters that name the root, /usr and where changes go."""

import pytest

from initpy.config import overlay as overlays
from initpy.config.settings import OVERLAY, read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import ExtraMount, Overlay

LABEL = DeviceSpec(Naming.LABEL, "r")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("root=8:17", DeviceSpec(Naming.NUMBER, "8:17")),
        ("root=0811", DeviceSpec(Naming.NUMBER, "8:17")),
        ("root=0x811", DeviceSpec(Naming.NUMBER, "8:17")),
        ("root=10300001", DeviceSpec(Naming.NUMBER, "0:66305")),
        ("root=PARTUUID=AB-01/PARTNROFF=1", DeviceSpec(Naming.PARTUUID, "ab-01", 1)),
        ("root=PARTUUID=AB-01/PARTNROFF=-1", DeviceSpec(Naming.PARTUUID, "ab-01", -1)),
        ("root=gpt-auto", DeviceSpec(Naming.GPT_AUTO, "")),
        ("quiet", DeviceSpec(Naming.GPT_AUTO, "")),
    ],
)
def test_further_forms_of_root(text: str, meant: DeviceSpec) -> None:
    settings, problems = read_settings(text)
    assert (settings.root, problems) == (meant, ())


@pytest.mark.parametrize(
    ("text", "overlay"),
    [
        ("rd.overlay", Overlay("rd.overlay")),
        ("rd.overlay=1", Overlay("rd.overlay")),
        ("rd.overlay=0", None),
        ("rd.overlay=LABEL=changes", Overlay("rd.overlay", DeviceSpec(Naming.LABEL, "changes"))),
        ("rd.live.overlay.overlayfs=1", Overlay("rd.live.overlay.overlayfs")),
        ("rd.overlay=tmpfs", Overlay("rd.overlay")),
        (
            "rd.overlay=tmpfs:size=32M,nr_inodes=100000",
            Overlay("rd.overlay", options=("size=32M", "nr_inodes=100000")),
        ),
        ("rd.overlay=tmpfs:size=25%", Overlay("rd.overlay", options=("size=25%",))),
        (
            "rd.live.overlay=LABEL=c rd.live.overlay.overlayfs=1 rd.live.overlay.reset=1",
            Overlay("rd.live.overlay.overlayfs", DeviceSpec(Naming.LABEL, "c"), reset=True),
        ),
        (
            "rd.overlay=/dev/sdb rd.overlay.readonly",
            Overlay("rd.overlay", DeviceSpec(Naming.PATH, "/dev/sdb"), readonly=True),
        ),
        (
            "rd.overlay.crypt=LABEL=c,mapname=m,mkfs=0",
            Overlay(
                "rd.overlay.crypt",
                DeviceSpec(Naming.PATH, "/dev/mapper/m"),
                encrypted=DeviceSpec(Naming.LABEL, "c"),
            ),
        ),
        ("rd.overlay=LABEL=x rd.overlay=no", None),
        ("rd.overlay=perhaps rd.overlay=no", None),
        ("systemd.volatile", Overlay("systemd.volatile", usr_only=True)),
        ("systemd.volatile=yes", Overlay("systemd.volatile", usr_only=True)),
        ("overlayroot=tmpfs:swap=1,recurse=0", Overlay("overlayroot")),
        ("rd.overlay overlayroot=disabled", None),
        ("systemd.volatile=overlay", Overlay("systemd.volatile")),
        ("systemd.volatile=state", None),
    ],
)
def test_an_overlay_is_asked_for_in_the_words_of_others(text: str, overlay: Overlay | None) -> None:
    settings, problems = read_settings(f"root=LABEL=r {text}")
    assert (settings.overlay, settings.refusal) == (overlay, "")
    assert problems == () or "perhaps" in text


@pytest.mark.parametrize(
    "text",
    [
        "rd.overlay=perhaps", "rd.overlay=none", "rd.overlay=/dev/sdb1:/changes.img",
        "rd.overlay=LABEL=c:auto", "rd.overlay=tmpfs:size=lots", "rd.overlay=/changes",
        "rd.live.overlay=changes", "rd.overlay.crypt", "rd.overlay.crypt=sda",
        "rd.overlay.crypt=LABEL=c,mapname=a/b", "rd.overlay.readonly=perhaps",
        "overlayroot=device:dev=/dev/sdb", "overlayroot=crypt:dev=/dev/sdb", "overlayroot=LABEL=c",
        "systemd.volatile=memory", "rd.overlay=1 rd.overlay=perhaps",
    ],
)  # fmt: skip
def test_root_is_left_alone_where_what_protects_it_is_not_understood(text: str) -> None:
    settings, problems = read_settings(f"root=LABEL=r rw {text}")
    assert settings.refusal == str(problems[0])


@pytest.mark.parametrize("text", ["rd.overlay=tmpfs:huge=always", "overlayroot=tmpfs"])
def test_what_protects_root_all_the_same_is_said_and_goes_on(text: str) -> None:
    settings, problems = read_settings(f"root=LABEL=r rw {text}")
    assert (settings.refusal, len(problems), settings.overlay is None) == ("", 1, False)


@pytest.mark.parametrize(
    ("text", "usr"),
    [
        ("mount.usr=LABEL=u", ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), (), ("ro",))),
        ("mount.usr=LABEL=u rw", ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), (), ("rw",))),
        ("mount.usrflags=subvol=usr,ro", ExtraMount("/usr", LABEL, (), ("subvol=usr", "ro"))),
        (
            "mount.usr=/dev/vg/usr mount.usrfstype=ext4,xfs",
            ExtraMount("/usr", DeviceSpec(Naming.PATH, "/dev/vg/usr"), ("ext4", "xfs"), ("ro",)),
        ),
        # systemd's fstab-generator: what is not said of it is as for root.
        (
            "mount.usr=LABEL=u rootflags=noatime,rw ro rootfstype=xfs",
            ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), ("xfs",), ("noatime", "rw")),
        ),
        (
            "mount.usr=LABEL=u rootflags=rw mount.usrflags=discard",
            ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), (), ("discard", "ro")),
        ),
        (
            "mount.usr=LABEL=u mount.usrflags=discard mount.usrfstype=auto rootflags=noatime "
            "rootfstype=xfs",
            ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), (), ("discard", "ro")),
        ),
    ],
)
def test_usr_on_the_command_line(text: str, usr: ExtraMount) -> None:
    settings, problems = read_settings(f"root=LABEL=r {text}")
    assert (settings.usr, problems) == (usr, ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mount.usr=usr", "mount.usr: 'usr': expected UUID="),
        ("overlayroot=/dev/sda1", "overlayroot: '/dev/sda1': expected tmpfs or disabled"),
        ("systemd.volatile=memory", "systemd.volatile: 'memory': expected yes, no, state or"),
        ("rd.overlay=perhaps", "rd.overlay: 'perhaps': expected yes or no"),
    ],
)
def test_a_mistake_is_named(text: str, complaint: str) -> None:
    _, problems = read_settings(f"root=LABEL=r {text}")
    [problem] = map(str, problems)
    assert problem.startswith(f"command line: {complaint}")


@pytest.mark.parametrize("value", ["gpt-auto", "dissect", "LABLE=usr", ""])
def test_without_its_usr_the_system_is_not_started(value: str) -> None:
    settings, (problem,) = read_settings(f"root=LABEL=r mount.usr={value}")
    assert settings.refusal == str(problem)
    assert read_settings("root=LABEL=r mount.usr=no")[0].refusal == ""


def test_the_parameters_of_overlays_are_known() -> None:
    assert set(overlays.PARAMETERS) == set(OVERLAY)
