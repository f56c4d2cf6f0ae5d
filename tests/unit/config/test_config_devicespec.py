"""Device names in the forms of R18, as people and installers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.devicespec import parse_device
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming


@pytest.mark.parametrize(
    ("text", "naming", "value"),
    [
        ("UUID=3b1f4c52-6f0e-4c56", Naming.UUID, "3b1f4c52-6f0e-4c56"),
        ("uuid=ABCD-1234", Naming.UUID, "ABCD-1234"),
        ("LABEL=root", Naming.LABEL, "root"),
        ('LABEL="a b"', Naming.LABEL, "a b"),
        ("LABEL='a b'", Naming.LABEL, "a b"),
        (r"LABEL=a\x20b", Naming.LABEL, "a b"),
        (r"LABEL=\xc3\xa4", Naming.LABEL, "ä"),
        ("LABEL=a=b", Naming.LABEL, "a=b"),
        ("LABEL=/", Naming.LABEL, "/"),
        ("PARTUUID=0d4c-01", Naming.PARTUUID, "0d4c-01"),
        ("PARTLABEL=system", Naming.PARTLABEL, "system"),
        ("/dev/sda1", Naming.PATH, "/dev/sda1"),
        ("/dev/mapper/vg-lv", Naming.PATH, "/dev/mapper/vg-lv"),
        ("/dev/vg/lv", Naming.PATH, "/dev/vg/lv"),
        ("/dev/md/NAME", Naming.PATH, "/dev/md/NAME"),
        ("/dev/disk/by-id/ata-1=2", Naming.PATH, "/dev/disk/by-id/ata-1=2"),
        ("ID=ata-1-part1", Naming.PATH, "/dev/disk/by-id/ata-1-part1"),
        ("WWID=nvme-KXG6-part3", Naming.PATH, "/dev/disk/by-id/nvme-KXG6-part3"),
        (
            "HWPATH=pci-0000:02:00.0-sas",
            Naming.PATH,
            "/dev/disk/by-path/pci-0000:02:00.0-sas",
        ),
        ("/dev//sda1", Naming.PATH, "/dev/sda1"),  # systemd's path_simplify()
        ("/dev/./vg/lv/", Naming.PATH, "/dev/vg/lv"),
        ("/dev/disk//by-label/a", Naming.LABEL, "a"),
        ("/dev/disk/by-uuid/ABCD", Naming.UUID, "ABCD"),
        (r"/dev/disk/by-label/a\x2fb", Naming.LABEL, "a/b"),
        ("/dev/disk/by-partuuid/0d4c", Naming.PARTUUID, "0d4c"),
        ("/dev/disk/by-partlabel/system", Naming.PARTLABEL, "system"),
    ],
)
def test_a_device_is_named_in_any_of_these_forms(text: str, naming: Naming, value: str) -> None:
    assert parse_device(text) == DeviceSpec(naming, value)


def test_a_label_with_bytes_that_are_no_utf8_is_kept_as_it_is() -> None:
    found = parse_device("LABEL=a\\x20\udcff")
    assert found == DeviceSpec(Naming.LABEL, "a \udcff")


@pytest.mark.parametrize(
    "text",
    [
        "", "sda1", "/dev/", "/sda1", "UUID=", 'UUID=""', "LABEL", "UID=1", "PATH=/dev/sda1",
        "/dev/disk/by-uuid/", "nfs:server:/root", "gpt-auto", "0801",
    ],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    assert parse_device(text) is None


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_names_a_device_or_does_not(text: str) -> None:
    for prefix in ("", "LABEL=", "/dev/disk/by-label/", "/dev/"):
        found = parse_device(prefix + text)
        assert found is None or found.value


@given(st.text(min_size=1))
def test_a_label_finds_the_disk_whose_udev_encoded_label_it_is(label: str) -> None:
    """udev writes every byte that is not plain as `\\x20`; see encode_devnode_name()."""
    encoded = "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}"
        for byte in label.encode()
    )
    disk = Device("sda", {"ID_FS_LABEL_ENC": encoded})
    asked = parse_device(f"/dev/disk/by-label/{encoded}")
    assert asked is not None
    assert asked.names(disk)
