"""A rich /etc and /boot in a mount namespace of their own, and every kind of damage to them.

As a program, in the namespace: `rich_etc.py WORK ROUND WORD…` runs `initpy WORD…` and prints as
JSON its status, its output, and the files that it opened.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

FILES: Mapping[str, str] = {
    "/boot/extlinux/extlinux.conf": "label x\n linux /vmlinuz\n append root=LABEL=x\n",
    "/boot/firmware/cmdline.txt": "root=LABEL=x\n",
    "/boot/grub/grub.cfg": "menuentry 'x' {\n linux /vmlinuz root=LABEL=x\n initrd /i\n}\n",
    "/boot/grub/grubenv": "# GRUB Environment Block\nsaved_entry=x\n",
    "/boot/limine.conf": "/x\n path: boot():/vmlinuz\n cmdline: root=LABEL=x\n",
    "/boot/loader/entries/a.conf": "title x\nlinux /vmlinuz\noptions root=LABEL=x\n",
    "/boot/loader/loader.conf": "default a.conf\n",
    "/boot/refind_linux.conf": '"x" "root=LABEL=x"\n',
    "/etc/cmdline.d/a.conf": "root=LABEL=x\n",
    "/etc/cryptsetup-initramfs/conf-hook": "KEYFILE_PATTERN=/etc/keys/*\n",
    "/etc/default/console-setup": "FONTFACE=Terminus\nFONTSIZE=16x32\n",
    "/etc/default/keyboard": "XKBLAYOUT=de\n",
    "/etc/fstab": "LABEL=r / ext4 defaults 0 1\nLABEL=u /usr ext4 defaults 0 2\n"
    "LABEL=s none swap sw 0 0\nLABEL=h /home ext4 defaults 0 2\n",
    "/etc/hostname": "host\n",
    "/etc/initramfs-tools/conf.d/resume": "RESUME=none\n",
    "/etc/initramfs-tools/initramfs.conf": "RESUME=auto\n",
    "/etc/iscsi/initiatorname.iscsi": "InitiatorName=iqn.2000-01.x:y\n",
    "/etc/iscsi/iscsi.initramfs": "ISCSI_TARGET_NAME=iqn.2000-01.x:z\nISCSI_TARGET_IP=1.2.3.4\n",
    "/etc/iscsi/iscsid.conf": "node.startup = manual\n",
    "/etc/kernel/cmdline": "root=LABEL=x\n",
    "/etc/kernel/tries": "3\n",
    "/etc/kernel/uki.conf": "[UKI]\nCmdline=root=LABEL=x\n",
    "/etc/ld.so.conf.d/zz.conf": "/usr/local/lib\n",
    "/etc/lvm/lvmlocal.conf": 'local { system_id = "x" }\n',
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/mdadm.conf": "HOMEHOST host\n",
    "/etc/mdadm.conf.d/b.conf": "ARRAY /dev/md1 UUID=1:2:3:5\n",
    "/etc/mdadm/mdadm.conf": "HOMEHOST <system>\nARRAY /dev/md0 UUID=1:2:3:4\n",
    "/etc/mdadm/mdadm.conf.d/a.conf": "AUTO -all\n",
    "/etc/modprobe.d/a.conf": "blacklist raid1\nsoftdep raid1 pre: md_mod\n",
    "/etc/nvme/discovery.conf": "-t tcp -a 1.2.3.4\n",
    "/etc/nvme/hostid": "1\n",
    "/etc/nvme/hostnqn": "nqn.2014-08.org.nvmexpress:uuid:1\n",
    "/etc/systemd/ukify.conf": "[UKI]\nCmdline=root=LABEL=x\n",
    "/etc/udev/rules.d/60-block.rules": 'GROUP="disk"\n',
    "/etc/vconsole.conf": "KEYMAP=de\nFONT=x\n",
    "/etc/zipl.conf": "[x]\nimage=/boot/v\nparameters=root=LABEL=x\n",
}
# Damage to these ends a build with a line: each is right while the others are damaged.
REFUSING: Mapping[str, str] = {
    "/etc/crypttab": "c UUID=1234abcd-0000-0000-0000-000000000000 none luks,initramfs\n",
    "/etc/crypttab.initramfs": "e UUID=1234abcd-0000-0000-0000-000000000002 none luks\n",
    "/etc/lvm/lvm.conf": 'devices { filter = [ "a|.*|" ] }\nglobal { system_id = "x" }\n',
}
LATIN = "J\xfcrgen M\xfcller = \xfc\n".encode("latin-1")


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def _changed(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def _long(line: bytes) -> Callable[[Path], object]:
    return _changed(lambda data: line * (300_000 // len(line)) + b"\n" + data)


DAMAGE: tuple[tuple[str, Callable[[Path], object]], ...] = (
    ("pipe", _replaced(os.mkfifo)),
    ("latin-1", _changed(lambda data: LATIN + data)),
    ("folder", _replaced(Path.mkdir)),
    ("zero bytes", _changed(lambda data: b"\0" + data.replace(b"x", b"\0") + b"\0=\0\n")),
    ("link to nothing", _replaced(lambda path: path.symlink_to("/nonexistent/x"))),
    ("empty", _changed(lambda data: b"")),
    ("link to itself", _replaced(lambda path: path.symlink_to(path.name))),
    ("random", _changed(lambda data: bytes((7 * n + n * n * 31) % 256 for n in range(5000)))),
    ("device without an end", _replaced(lambda path: path.symlink_to("/dev/zero"))),
    ("utf-16", _changed(lambda data: data.decode().encode("utf-16"))),
    ("socket", _replaced(lambda path: os.mknod(path, stat.S_IFSOCK | 0o600))),
    ("long line", _long(b"a")),
    ("link out of the root", _replaced(lambda path: path.symlink_to("../../../../etc/shadow"))),
    ("mark and \\r", _changed(lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))),
    ("quotes", _long(b'"')),
    ("blanks", _long(b" \t")),
    ("words", _long(b"a=b\\ ")),
)
HEALTHY = -1


def _cover(work: Path, folder: str) -> None:
    """Put a folder of memory in the place of one of the system."""
    made = work / folder
    made.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(made), f"/{folder}"], check=True)


def prepare(work: Path, number: int) -> None:
    """Lay the files over the system's. Each has another kind of damage, by the round's number."""
    subprocess.run(["mount", "-t", "tmpfs", "x", str(work)], check=True)
    own = work / "own"
    # A few files may be for root alone, who is another one outside.
    subprocess.run(["cp", "-a", "/etc", str(own)], check=False, stderr=subprocess.DEVNULL)
    own.rename(work / "etc")
    for folder in ("etc", "boot"):
        _cover(work, folder)
    for position, (name, text) in enumerate((*FILES.items(), *REFUSING.items())):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.write_text(text)
        if number != HEALTHY and name in FILES:
            DAMAGE[(position + number) % len(DAMAGE)][1](path)
        elif number != HEALTHY and position % 3 == number % 3:
            DAMAGE[number][1](path)


def run(words: list[str]) -> int:
    from initpy.cli import main

    try:
        return int(main(words) or 0)
    except SystemExit as error:
        return int(error.code or 0)


if __name__ == "__main__":
    opened: set[str] = set()

    def record(event: str, values: tuple[object, ...]) -> None:
        if event == "open" and isinstance(values[0], str | bytes | os.PathLike):
            opened.add(os.path.abspath(os.fsdecode(values[0])))  # noqa: PTH100 - links stay

    prepare(Path(sys.argv[1]), int(sys.argv[2]))
    sys.addaudithook(record)
    status = run(sys.argv[3:])
    sys.stdout.write(json.dumps({"status": status, "opened": sorted(opened)}) + "\n")
