"""cryptdevice=, cryptkey= and crypto= of mkinitcpio's encrypt hook, as the Arch wiki has them."""

import pytest

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.volumes import KeySpec

STICK = DeviceSpec(Naming.LABEL, "USB")
BY_ID = "/dev/disk/by-id/usb-A_B-0:0"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("rootfs:/secret/key", KeySpec("/secret/key")),
        ("rootfs:secret/key", KeySpec("/secret/key")),
        ("LABEL=USB:vfat:/key", KeySpec("/key", STICK, ("vfat",))),
        ("LABEL=USB:vfat:key", KeySpec("/key", STICK, ("vfat",))),
        ("LABEL=USB:exfat:/a/b.key", KeySpec("/a/b.key", STICK, ("exfat",))),
        ("LABEL=USB:iso9660:/key", KeySpec("/key", STICK, ("iso9660",))),
        ("LABEL=USB:ntfs3:/key", KeySpec("/key", STICK, ("ntfs3",))),
        ("LABEL=USB:ntfs-3g:/key", KeySpec("/key", STICK)),
        ("LABEL=USB:auto:/key", KeySpec("/key", STICK)),
        ("LABEL=USB:ext4:/a:b", KeySpec("/a:b", STICK, ("ext4",))),
        ("LABEL=USB:2048:4096", KeySpec("", STICK, (), 2048, 4096)),
        (f"{BY_ID}:0:512", KeySpec("", DeviceSpec(Naming.PATH, BY_ID), (), 0, 512)),
        (
            "/dev/disk/by-id/usb-A_B-0\\:0:0:512",
            KeySpec("", DeviceSpec(Naming.PATH, BY_ID), (), 0, 512),
        ),
        (
            f"{BY_ID}-part1:ext4:/k",
            KeySpec("/k", DeviceSpec(Naming.PATH, f"{BY_ID}-part1"), ("ext4",)),
        ),
    ],
)
def test_where_a_key_is(text: str, key: KeySpec) -> None:
    settings, problems = read_settings(f"root=LABEL=x cryptdevice=/dev/sda2:c cryptkey={text}")
    assert problems == ()
    assert settings.volumes[0].key == key
    settings, problems = read_settings(f"root=LABEL=x cryptkey={text}")
    assert (settings.unnamed.key, problems) == (key, ())


@pytest.mark.parametrize(
    "text", ["/key", "rootfs:", "rootfs:/", "LABEL=USB:512", "LABEL=USB:0:0", "sdb:ext4:/k"]
)
def test_what_is_no_key(text: str) -> None:
    (problem,) = read_settings(f"cryptdevice=/dev/sda2:c cryptkey={text} root=LABEL=x")[1]
    assert "cryptkey: " in str(problem)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (":aes-xts-plain64:512:0:0",
         ("--cipher=aes-xts-plain64", "--key-size=512", "--offset=0", "--skip=0")),
        ("sha512:twofish-xts-plain64:512:0:",
         ("--hash=sha512", "--cipher=twofish-xts-plain64", "--key-size=512", "--offset=0")),
        ("sha512:aes-cbc-essiv:sha256:256::",
         ("--hash=sha512", "--cipher=aes-cbc-essiv:sha256", "--key-size=256")),
        ("sha512:aes-cbc-essiv\\:sha256:256::",
         ("--hash=sha512", "--cipher=aes-cbc-essiv:sha256", "--key-size=256")),
    ],
)  # fmt: skip
def test_how_a_plain_volume_is_encrypted(text: str, arguments: tuple[str, ...]) -> None:
    settings, problems = read_settings(f"root=LABEL=x cryptdevice=/dev/sda2:c crypto={text}")
    assert problems == ()
    assert (settings.volumes[0].kind, settings.volumes[0].options) == ("plain", arguments)


@pytest.mark.parametrize("text", ["sha256:aes:512", "sha512:aes:many::", "::::x"])
def test_what_says_nothing_of_a_plain_volume(text: str) -> None:
    settings, (problem,) = read_settings(f"root=LABEL=x cryptdevice=/dev/sda2:c crypto={text}")
    assert str(problem).endswith("each possibly empty, the last three numbers")
    assert settings.volumes[0].kind == "luks"


def test_the_words_of_the_hook_for_options() -> None:
    words = "perf-no_read_workqueue,no-write-workqueue,allow-discards"
    settings, problems = read_settings(f"root=LABEL=x cryptdevice=/dev/sda2:c:{words}")
    assert problems == ()
    assert settings.volumes[0].options == (
        "--perf-no_read_workqueue", "--perf-no_write_workqueue", "--allow-discards")  # fmt: skip


@pytest.mark.parametrize("line", ["cryptkey=rootfs:/k rd.luks.uuid=ab", "crypto=:aes:256::"])
def test_what_is_said_of_no_volume_is_not_dropped_in_silence(line: str) -> None:
    (problem,) = read_settings(f"root=LABEL=x {line}")[1]
    assert str(problem).endswith("cryptdevice= to name the volume that it is for; it is ignored")
