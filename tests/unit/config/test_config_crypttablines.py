"""The lines of a system's crypttab as an image gets them."""

import pytest

from initpy.config.crypttab import parse_crypttab, parse_options
from initpy.config.crypttablines import joined, placed
from initpy.config.errors import InputError
from initpy.image.content.keys import check_crypttab
from initpy.image.content.reduced import crypttab

# crypttab(5) of Debian's cryptsetup 2.7 and of systemd 260.
DEBIAN = """cipher=c size=1 sector-size=512 hash=h offset=1 skip=1 keyfile-offset=1 keyfile-size=1
keyslot=1 key-slot=1 header=/h verify readonly read-only discard same-cpu-crypt
submit-from-crypt-cpus no-read-workqueue no-write-workqueue plain luks tcrypt bitlk fvault2
veracrypt tcrypthidden swap tmp tmp=ext4 check check=ext4 checkargs=a initramfs noearly noauto
nofail loud quiet keyscript=/k tries=1 x-initrd.attach"""
SYSTEMD = """cipher=c discard fido2-device=auto fido2-cid=a fido2-rp=a fido2-pin=yes fido2-up=yes
fido2-uv=yes hash=h header=/h keyfile-offset=1 keyfile-size=1 keyfile-erase keyfile-timeout=1min
key-slot=1 link-volume-key=a luks bitlk _netdev noauto nofail offset=1 plain read-only readonly
same-cpu-crypt submit-from-crypt-cpus no-read-workqueue no-write-workqueue skip=1 size=1
sector-size=512 swap tcrypt tcrypt-hidden tcrypt-keyfile=/k tcrypt-system tcrypt-veracrypt
veracrypt-pim=1 veracrypt-query-pim=yes timeout=1min tmp=ext4 tries=1 headless=yes verify
password-echo=masked password-cache=read-only pkcs11-uri=auto try-empty-password=no
tpm2-device=auto tpm2-pcrs=7 tpm2-pin=yes tpm2-signature=/s tpm2-pcrlock=/p tpm2-measure-pcr=yes
tpm2-measure-bank=sha256 tpm2-measure-keyslot-nvpcr=yes token-timeout=1min fixate-volume-key=a
x-systemd.device-timeout=0 x-initrd.attach"""


@pytest.mark.parametrize("option", sorted({*DEBIAN.split(), *SYSTEMD.split()}))
def test_each_documented_option_is_known(option: str) -> None:
    """Or what becomes of it is said in words of its own."""
    problems = parse_options("here", option).problems
    assert not any("an option of crypttab(5)" in str(each) for each in problems)
    assert not any("without a value" in str(each) for each in problems)


def test_lines_for_the_initramfs_alone_get_a_mark_and_go_first() -> None:
    """Arch's /etc/crypttab.initramfs."""
    own = "root UUID=1-2 none discard\nhome UUID=3-4 /k luks\n"
    text = joined(own, "\ufeff# mine\nroot UUID=1-2 /root.key luks\r\nswap UUID=5-6\n")
    volumes, problems = parse_crypttab("t", text)
    assert problems == ()
    found = [(each.name, str(each.key), each.listed) for each in volumes]
    assert found == [
        ("root", "the key file /root.key", False), ("swap", "None", False),
        ("home", "the key file /k", True),
    ]  # fmt: skip
    assert joined(own, " \n") == own
    # What a generic image has of it.
    kept, _ = parse_crypttab("t", crypttab(text, ()))
    assert [each.name for each in kept] == ["root", "swap"]


def test_a_needed_volume_whose_name_is_written_with_escapes() -> None:
    kept, _ = parse_crypttab("t", crypttab("my\\040root UUID=1-2 none luks\n", {"my root"}))
    assert [(each.name, each.listed) for each in kept] == [("my root", False)]


@pytest.mark.parametrize(
    ("options", "found", "said"),
    [
        ("luks,discard=no", (), ""),
        ("luks,discard=yes", ("--allow-discards",), ""),
        ("luks,discard=maybe", (), "'discard=maybe': expected discard without a value"),
        ("luks=discard", (), "'luks=discard': expected luks without a value"),
        ("plain,size=abc", (), "'size=abc': expected size=NUMBER"),
        ("force,luks", (), ""),
    ],
)
def test_options_of_reported_tables(options: str, found: tuple[str, ...], said: str) -> None:
    read = parse_options("here", options)
    assert read.arguments == found
    assert [str(each) for each in read.problems if said not in str(each)] == []
    assert bool(said) is bool(read.problems)
    assert read.marked is ("force" in options)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("root /dev/sda2 none luks , discard", "expected four fields; the rest is ignored"),
        ("root /dev/sda2 none luks # mine", ""),
        ("root /dev/sda2 none cipher=aes-xts-plain64,size=256", "it is taken for luks"),
        ("root UUID=1-2 none cipher=aes-xts-plain64,size=256", ""),
        ("root ID=ata-X-part2 none luks", ""),
    ],
)
def test_lines_of_reported_tables(line: str, said: str) -> None:
    volumes, problems = parse_crypttab("t", line)
    assert len(volumes) == 1
    assert [str(each) for each in problems if not said or said not in str(each)] == []
    assert bool(problems) is bool(said)


@pytest.mark.parametrize("end", ["luks , discard", "cipher=aes-xts-plain64,size=256"])
def test_a_remark_about_a_line_ends_no_build(end: str) -> None:
    check_crypttab("t", f"root /dev/sda2 none {end}\n")
    with pytest.raises(InputError, match="size=NUMBER"):
        check_crypttab("t", "root /dev/sda2 none plain,size=abc\n")


@pytest.mark.parametrize(
    ("line", "opened"),
    [
        # crypttab(5) of Debian: swap and tmp are ignored for volumes of the initramfs.
        ("s UUID=1-2 root swap,initramfs,keyscript=decrypt_derived", True),
        ("s UUID=1-2 none luks,swap,initramfs", True),
        ("s UUID=1-2 none tmp=ext4,initramfs", True),
        ("s UUID=1-2 /dev/urandom plain,swap,initramfs", False),
        ("s UUID=1-2 none luks,swap", False),
        ("s UUID=1-2 none luks,swap,x-initrd.attach", False),
        ("s UUID=1-2 none bitlk,swap,initramfs", False),
        # Others' test tables.
        ("s UUID=1-2 - luks", True),
        ("s UUID=1-2 none noauto", False),
        ("s LABEL=disk none tries=0,key-slot=2,nofail", True),
        ("s UUID=1-2 /k keyfile-offset=128,keyfile-size=32", True),
        ("s UUID=1-2 none fido2-device=auto,token-timeout=60", True),
        ("s UUID=1-2 none future-option=value", True),
        ("s UUID=1-2 /k:LABEL=stick header=/h:LABEL=store,headless=1", True),
        ("s\x01 UUID=1-2 none luks", False),
    ],
)
def test_which_volumes_the_initramfs_opens(line: str, opened: bool) -> None:
    assert bool(parse_crypttab("t", line)[0]) is opened


def test_a_mistake_is_named_with_its_own_file() -> None:
    own = "root UUID=1-2 none luks\nhome UUID=3-4 none plain,size=a\n"
    initramfs = "# Arch\nroot UUID=1-2 none plain,size=b\n"
    _, problems = parse_crypttab("/etc/crypttab", joined(own, initramfs))
    places = [placed(each.where, "/etc/crypttab", initramfs) for each in problems]
    assert places == ["/etc/crypttab.initramfs:2: option", "/etc/crypttab:2: option"]
    assert placed("/etc/crypttab:2: option", "/etc/crypttab", "") == "/etc/crypttab:2: option"
    assert placed("elsewhere", "/etc/crypttab", initramfs) == "elsewhere"


@pytest.mark.parametrize(
    "line",
    [
        # Two sticks for one volume: systemd and cryptsetup-initramfs take the first line as well.
        "root UUID=1-2 /dev/disk/by-id/usb-B luks,keyfile-size=8192",
        "root UUID=3-4 none luks",
        "other /dev/disk/by-uuid/1-2 none luks",
    ],
)
def test_of_lines_for_one_volume_the_first_counts(line: str) -> None:
    first = "root UUID=1-2 /dev/disk/by-id/usb-A luks,keyfile-size=8192\n"
    volumes, (problem,) = parse_crypttab("t", first + line)
    assert [str(each.key) for each in volumes] == ["/dev/disk/by-id/usb-A"]
    assert str(problem).startswith("t:2: ")
    assert str(problem).endswith("that no line before has; the first line counts")
    check_crypttab("t", first + line)
