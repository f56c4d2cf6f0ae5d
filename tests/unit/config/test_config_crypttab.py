"""crypttab in both dialects and Debian's cryptopts: what is understood, what is reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.crypttab import parse_cryptopts, parse_crypttab, parse_options
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec

UUID = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"
SOURCE = DeviceSpec(Naming.UUID, UUID)


def volumes(text: str) -> tuple[VolumeSpec, ...]:
    """The volumes of a crypttab in which everything is right."""
    found, problems = parse_crypttab("/etc/crypttab", text)
    assert problems == ()
    return found


def complaints(text: str) -> list[str]:
    """What is wrong with a crypttab."""
    return [str(each) for each in parse_crypttab("/etc/crypttab", text)[1]]


@pytest.mark.parametrize(
    ("line", "volume"),
    [
        (f"crypt UUID={UUID} none luks", VolumeSpec(SOURCE, "crypt")),
        (f"crypt UUID={UUID}", VolumeSpec(SOURCE, "crypt")),
        (f"crypt UUID={UUID} -", VolumeSpec(SOURCE, "crypt")),
        (f"crypt\tUUID={UUID}\tnone\tluks\r", VolumeSpec(SOURCE, "crypt")),
        (
            f"crypt UUID={UUID} /etc/keys/root.key luks,discard",
            VolumeSpec(SOURCE, "crypt", KeySpec("/etc/keys/root.key"), ("--allow-discards",)),
        ),
        (
            f"crypt UUID={UUID} /with\\040blank luks,tries=1",
            VolumeSpec(SOURCE, "crypt", KeySpec("/with blank"), (), 1),
        ),
        (f"crypt UUID={UUID} none luks,tries=0", VolumeSpec(SOURCE, "crypt", tries=0)),
        (f"crypt UUID={UUID} none nofail", VolumeSpec(SOURCE, "crypt", optional=True)),
        # systemd's fstab_test_yes_no_option(): the last one counts.
        (f"crypt UUID={UUID} none nofail,fail", VolumeSpec(SOURCE, "crypt")),
        (f"crypt UUID={UUID} none fail,nofail", VolumeSpec(SOURCE, "crypt", optional=True)),
        (f"crypt UUID={UUID} none noauto,auto", VolumeSpec(SOURCE, "crypt")),
        ("c /dev/sda2", VolumeSpec(DeviceSpec(Naming.PATH, "/dev/sda2"), "c")),
        ("c PARTLABEL=data", VolumeSpec(DeviceSpec(Naming.PARTLABEL, "data"), "c")),
    ],
)
def test_a_line_names_a_volume(line: str, volume: VolumeSpec) -> None:
    assert volumes(line) == (volume._replace(listed=True),)


@pytest.mark.parametrize(
    ("line", "volume"),
    [
        # The octal escapes are bytes: one letter of two in UTF-8, and one that is Latin-1.
        ("c LABEL=k\\303\\244se", VolumeSpec(DeviceSpec(Naming.LABEL, "käse"), "c")),
        ("c LABEL=k\\344", VolumeSpec(DeviceSpec(Naming.LABEL, "k\udce4"), "c")),
        ("c LABEL=a\\000", VolumeSpec(DeviceSpec(Naming.LABEL, "a\\000"), "c")),
        # Disks beyond half a terabyte: ten digits of sectors, of bytes already at a gigabyte.
        (
            "c LABEL=x /k plain,offset=4294967296,skip=10000000000",
            VolumeSpec(DeviceSpec(Naming.LABEL, "x"), "c", KeySpec("/k"), kind="plain",
                       options=("--offset=4294967296", "--skip=10000000000")),
        ),
        (
            "c LABEL=x /dev/sdb keyfile-offset=8589934592,keyfile-size=64",
            VolumeSpec(DeviceSpec(Naming.LABEL, "x"), "c", KeySpec(
                "", DeviceSpec(Naming.PATH, "/dev/sdb"), (), 8589934592, 64)),
        ),
        # A comma within an option, in both dialects.
        ("c LABEL=x none luks,header=/a\\,b,tries=1",
         VolumeSpec(DeviceSpec(Naming.LABEL, "x"), "c", tries=1, header=HeaderSpec("/a,b"))),
        ("c LABEL=x none luks,header=/a\\054b,tries=1",
         VolumeSpec(DeviceSpec(Naming.LABEL, "x"), "c", tries=1, header=HeaderSpec("/a,b"))),
    ],
)  # fmt: skip
def test_escapes_and_large_numbers(line: str, volume: VolumeSpec) -> None:
    assert volumes(line) == (volume._replace(listed=True),)


@pytest.mark.parametrize("mark", ["initramfs", "x-initrd.attach"])
def test_a_line_may_say_that_the_initramfs_needs_the_volume(mark: str) -> None:
    (volume,) = volumes(f"home UUID=1 /etc/keys/home luks,{mark}")
    assert not volume.listed


STICK = DeviceSpec(Naming.UUID, "1234-ABCD")
BY_PATH = DeviceSpec(Naming.PATH, "/dev/disk/by-path/pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0")


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ("/keys/root.key:UUID=1234-ABCD luks", KeySpec("/keys/root.key", STICK)),  # systemd's
        ("/k:/dev/sdb1", KeySpec("/k", DeviceSpec(Naming.PATH, "/dev/sdb1"))),
        ("/with:colon luks", KeySpec("/with:colon")),
        # An example of crypttab(5): from the root of the device's file system.
        ("keyfile:LABEL=keydev keyfile-timeout=10s",
         KeySpec("/keyfile", DeviceSpec(Naming.LABEL, "keydev"), timeout=10)),
        ("a/b:LABEL=my\\040key", KeySpec("/a/b", DeviceSpec(Naming.LABEL, "my key"))),
        ("LABEL=keydev:/keyfile", KeySpec("/keyfile", DeviceSpec(Naming.LABEL, "keydev"))),
        ("/dev/disk/by-uuid/1234-ABCD:/keys/root.key luks", KeySpec("/keys/root.key", STICK)),
        (
            "/dev/disk/by-uuid/1234-ABCD:/k:30 luks,keyscript=passdev",  # Debian's
            KeySpec("/k", STICK, timeout=30),
        ),
        ("/dev/disk/by-uuid/1234-ABCD:k luks,keyscript=passdev", KeySpec("/k", STICK)),
        ("/dev/disk/by-uuid/1234-ABCD:a/k:5 luks,keyscript=passdev",
         KeySpec("/a/k", STICK, timeout=5)),
        ("/dev/sdb1:k luks", KeySpec("/k", DeviceSpec(Naming.PATH, "/dev/sdb1"))),
        ("/dev/disk/by-id/usb-A_B-0:0 luks",
         KeySpec("", DeviceSpec(Naming.PATH, "/dev/disk/by-id/usb-A_B-0:0"))),
        (f"{BY_PATH.value}:/k luks,keyscript=/lib/cryptsetup/scripts/passdev",
         KeySpec("/k", BY_PATH)),
        ("/dev/sdb luks,keyfile-offset=512,keyfile-size=64",
         KeySpec("", DeviceSpec(Naming.PATH, "/dev/sdb"), (), 512, 64)),
        ("/k luks,keyfile-offset=4,keyfile-size=8", KeySpec("/k", None, (), 4, 8)),
        ("- -", None),
        ("none -", None),
        ("x keyscript=decrypt_derived",
         KeySpec("x", DeviceSpec(Naming.PATH, "/dev/mapper/x"),
                 program="/lib/cryptsetup/scripts/decrypt_derived")),
        ("/k:LABEL=stick keyfile-timeout=1min",
         KeySpec("/k", DeviceSpec(Naming.LABEL, "stick"), timeout=60)),
        ("sesame keyscript=/bin/open", KeySpec("sesame", program="/bin/open")),
        ("none luks,keyscript=decrypt_keyctl", None),
    ],
)  # fmt: skip
def test_a_key_is_a_file_a_device_or_what_a_program_prints(
    fields: str, key: KeySpec | None
) -> None:
    assert volumes(f"c UUID={UUID} {fields}") == (VolumeSpec(SOURCE, "c", key, listed=True),)


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ("header=/boot/root.header", HeaderSpec("/boot/root.header")),
        # crypttab(5) of Debian: \\054 is a comma that does not separate.
        (r"header=/boot/a\054b", HeaderSpec("/boot/a,b")),
        ("header=/h:UUID=1234-ABCD", HeaderSpec("/h", STICK)),
        ("header=/dev/disk/by-uuid/1234-ABCD", HeaderSpec("", STICK)),
    ],
)
def test_a_header_is_a_file_or_a_device(options: str, header: HeaderSpec) -> None:
    assert parse_options("t", options) == parse_options("t", "")._replace(header=header)


def test_what_the_real_system_makes_anew_names_nothing() -> None:
    text = f"""swap UUID={UUID} /dev/urandom plain,swap,cipher=aes-xts-plain64,size=512
tmp UUID={UUID} /dev/random tmp=ext4
scratch /dev/sdz /dev/hwrng
"""
    assert volumes(text) == ()


def test_how_people_are_asked() -> None:
    options = parse_options("t", "try-empty-password,headless=yes,timeout=2m,plain,x-initrd.attach")
    assert options.problems == ()
    assert (options.empty, options.headless, options.timeout) == (True, True, 120)
    assert options.kind == "plain"


def test_a_mark_goes_before_noauto() -> None:
    found = volumes(f"c UUID={UUID} none luks,noauto,initramfs\nd UUID={UUID} none noauto\n")
    assert [each.name for each in found] == ["c"]


def test_comments_blank_lines_and_noauto_name_nothing() -> None:
    text = f"# name device key\n\n \t\n  # indented\nhome UUID={UUID} none luks,noauto\n"
    assert volumes(text) == ()


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("luks,initramfs,x-initrd.attach,_netdev,timeout=90", ()),  # Debian's and systemd's
        ("discard", ("--allow-discards",)),
        ("no-read-workqueue", ("--perf-no_read_workqueue",)),
        ("readonly", ("--readonly",)),
        ("read-only", ("--readonly",)),
        ("keyslot=1", ("--key-slot=1",)),
        ("key-slot=1", ("--key-slot=1",)),
        ("cipher=aes-xts-plain64,size=512,sector-size=4096", ()),  # LUKS has them in its header
        (
            "plain,cipher=aes-xts-plain64,size=512,hash=sha256,offset=8,skip=1,sector-size=512",
            (
                "--cipher=aes-xts-plain64",
                "--key-size=512",
                "--hash=sha256",
                "--offset=8",
                "--skip=1",
                "--sector-size=512",
            ),
        ),
        (
            "same-cpu-crypt,submit-from-crypt-cpus",
            ("--perf-same_cpu_crypt", "--perf-submit_from_crypt_cpus"),
        ),
        (",,luks,", ()),
    ],
)
def test_options_of_either_dialect_become_arguments_of_cryptsetup(
    options: str, arguments: tuple[str, ...]
) -> None:
    understood = parse_options("crypttab:1", options)
    assert (understood.arguments, understood.problems) == (arguments, ())


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("crypt", "/etc/crypttab:1: 'crypt': expected name, device, key and options"),
        ("crypt sda1 none luks", "/etc/crypttab:1: device: 'sda1': expected UUID=…, LABEL=…"),
        (
            f"crypt UUID={UUID} none luks,frobnicate=1",
            "/etc/crypttab:1: option: 'frobnicate=1': expected an option of crypttab(5)",
        ),
        (
            f"crypt UUID={UUID} none tries=many",
            "/etc/crypttab:1: option: 'tries=many': expected tries=NUMBER",
        ),
        (f"crypt UUID={UUID} none keyslot", "option: 'keyslot': expected keyslot=NUMBER"),
        (f"a/b UUID={UUID} none", "/etc/crypttab:1: name: 'a/b': expected a name without sl"),
        (f"control UUID={UUID} none", "/etc/crypttab:1: name: 'control': expected"),
        (
            f"crypt UUID={UUID} passphrase",
            "/etc/crypttab:1: key: '…': expected none, /PATH of a key file in the image",
        ),
        (
            f"crypt UUID={UUID} none header=sda1",
            "option: 'header=sda1': expected header=/PATH, header=/PATH:DEVICE or header=DEVICE",
        ),
        (
            f"crypt UUID={UUID} none tpm2-device=auto",
            "option: 'tpm2-device=auto': expected no token (not supported in the initramfs yet",
        ),
        (
            f"crypt UUID={UUID} none tcrypt",
            "option: 'tcrypt': expected luks or plain; the volume is left to the real system",
        ),
        (
            f"crypt UUID={UUID} none keyscript=a/y",
            "'keyscript=a/y': expected keyscript=/PATH of a prog",
        ),
        (f"crypt UUID={UUID} none timeout=soon", "'timeout=soon': expected timeout=SECONDS, or"),
    ],
)
def test_a_mistake_names_file_line_value_and_expectation(line: str, complaint: str) -> None:
    (found,) = complaints(line)
    assert found.startswith(complaint) or complaint in found


def test_an_error_names_the_line_it_is_on_and_the_others_are_used() -> None:
    text = f"# first\n\nbad\ngood UUID={UUID}\n\x0bbad too\n"
    found, problems = parse_crypttab("/etc/crypttab", text)
    assert [each.name for each in found] == ["good"]
    assert [each.where for each in problems] == ["/etc/crypttab:3", "/etc/crypttab:5: device"]


def test_an_option_that_is_not_understood_does_not_cost_the_volume() -> None:
    found, problems = parse_crypttab("t", f"c UUID={UUID} none luks,frobnicate,discard")
    assert found == (VolumeSpec(SOURCE, "c", None, ("--allow-discards",), listed=True),)
    assert [each.value for each in problems] == ["frobnicate"]


def test_a_number_of_absurd_length_is_a_mistake_too() -> None:
    assert "expected tries=NUMBER" in complaints(f"c UUID={UUID} none tries={'9' * 5000}")[0]


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        (f"source=UUID={UUID}", VolumeSpec(SOURCE, "cryptroot")),
        (f"target=c,source=UUID={UUID},key=none,luks", VolumeSpec(SOURCE, "c")),
        (
            f"luks,source=UUID={UUID},key=/k,tries=2,discard,nofail",
            VolumeSpec(SOURCE, "cryptroot", KeySpec("/k"), ("--allow-discards",), 2, True),
        ),
    ],
)
def test_cryptopts_name_one_volume(text: str, volume: VolumeSpec) -> None:
    assert parse_cryptopts(text) == (volume, ())


@pytest.mark.parametrize("text", ["target=c", "source=sda", "source=", "source=/dev/a,target=a/b"])
def test_cryptopts_without_a_usable_volume_are_reported(text: str) -> None:
    volume, problems = parse_cryptopts(text)
    assert volume is None
    assert len(problems) == 1


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_volumes_and_problems(text: str) -> None:
    found, problems = parse_crypttab("/etc/crypttab", f"{text}\nlast UUID={UUID}")
    assert len(found) + len(problems) >= 1
    parse_crypttab("/etc/crypttab", f"c UUID={UUID} {text}")
    parse_cryptopts(f"source=/dev/a,{text}")
