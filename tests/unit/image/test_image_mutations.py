"""No image whose files do not fit the machine is called bootable (R28): a table of mutations.

A host-only image of a recorded machine, which boots it, gets one other file, as an administrator, a
package or time may leave it there; the rows that are new are judged. Python's modules and programs
are those of the image before: test_image_removed.py takes files away.
"""

import re
from collections.abc import Mapping
from functools import cache

import pytest
from test_image_removed import machine

from initpy.image.check import interpreter, userland
from initpy.image.check.check import prove
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Proof, Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.tree import Entry, File, Folder, Link

STACK = "lvm-on-luks-on-raid1"
MULTIPATH = "multipath-path-late"
WWID = "35000c500e8b7be43"
LUKS = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"
ARRAY = "ARRAY /dev/md/0 UUID=aaaaaaaa:c7bf5d06:fb348b96:f173b958\n"
OK, WARNING, MISSING, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.MISSING, Verdict.UNKNOWN

Files = Mapping[str, str | Link]
JUDGED: dict[object, Proof] = {}


@cache
def programs(name: str) -> ImagePrograms:
    return ImagePrograms(machine(name)[0])


def judged(name: str, files: Files) -> Proof:
    key = (name, *sorted(files.items(), key=str))
    if key not in JUDGED:
        JUDGED.clear()  # one is asked for several times
        JUDGED[key] = _judged(name, files)
    return JUDGED[key]


def _judged(name: str, files: Files) -> Proof:
    archive, stack, kernel = machine(name)
    entries: dict[str, Entry] = dict(archive.entries)
    for path, content in files.items():
        entries[path] = File(content.encode()) if isinstance(content, str) else content
        while path := path.rpartition("/")[0]:
            entries.setdefault(path, Folder())
    changed = Archive(archive.path, 0, entries=entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "rows", lambda *_, **__: ())
        patch.setattr(userland, "ImagePrograms", lambda *_: programs(name))
        return prove(changed, stack, kernel.version, modules=kernel.modules, run=False)


@cache
def before(name: str) -> frozenset[Row]:
    return frozenset(judged(name, {}).rows)


def worst(name: str, files: Files) -> Verdict:
    """Return the worst verdict that the files add."""
    found = {row.verdict for row in {*judged(name, files).rows} - before(name)}
    return next((each for each in (MISSING, UNKNOWN, WARNING) if each in found), OK)


def mdadm(text: str) -> Files:
    return {"/etc/mdadm/mdadm.conf": text}


def lvm(text: str, devices: str = "") -> Files:
    more = {"/etc/lvm/devices/system.devices": devices} if devices else {}
    return {"/etc/lvm/lvm.conf": text, **more}


def crypttab(options: str, key: str = "none", source: str = f"UUID={LUKS}") -> Files:
    return {"/etc/crypttab": f"luks-{LUKS} {source} {key} {options},initramfs\n"}


def modprobe(text: str) -> Files:
    return {"/etc/modprobe.d/mine.conf": text}


def hidden(name: str, text: str | None = None) -> Files:
    return {f"/etc/udev/rules.d/{name}": Link("/dev/null") if text is None else text}


TABLE: list[tuple[str, Files, Verdict]] = [
    (STACK, mdadm(ARRAY), OK),
    (STACK, mdadm("AUTO -all\n"), MISSING),
    (STACK, mdadm(f"AUTO\n -all\n{ARRAY}"), MISSING),
    (STACK, mdadm("AUTO homehost -all\n"), OK),
    (STACK, mdadm("DEVICE /dev/sd*\n"), MISSING),
    (STACK, mdadm("DEVICE none\n"), OK),  # no word that mdadm knows
    (STACK, mdadm("AUTO no\n"), MISSING),
    (STACK, mdadm("\"AU\"TO '-all' \"\"\n"), MISSING),  # quotes are taken away
    (STACK, mdadm("AUTO \"\" ''\n"), OK),
    (STACK, mdadm("AUTO +all\nAUTO -all\n"), OK),
    (STACK, mdadm("DEVICE partitions containers\n"), OK),
    (STACK, mdadm("HOMEHOST <ignore>\n"), OK),
    (STACK, mdadm("ARRAY <ignore> UUID=15266e43:c7bf5d06:fb348b96:f173b958\n"), MISSING),
    (STACK, {**mdadm("#\n"), "/etc/mdadm/mdadm.conf.d/x.conf": "AUTO -all\n"}, MISSING),
    (STACK, lvm('devices {\n global_filter = [ "r|.*|" ]\n}\n'), MISSING),
    (STACK, lvm('devices {\n filter = [ "a|/dev/mapper/luks-|", "r|.*|" ]\n}\n'), OK),
    (STACK, lvm("devices {\n use_devicesfile = 1\n}\n", "IDTYPE=devname PVID=other\n"), MISSING),
    (STACK, lvm("devices {\n use_devicesfile = 1\n}\n"), OK),  # there is none
    # The path in root= names the group, which the boot then activates whatever this list says.
    (STACK, lvm('activation {\n auto_activation_volume_list = [ "vg1" ]\n}\n'), OK),
    (STACK, lvm('activation {\n volume_list = [ "vg1" ]\n}\n'), MISSING),
    (STACK, lvm("global {\n activation = 0\n}\n"), MISSING),
    (STACK, lvm('global {\n system_id_source = "uname"\n}\n'), OK),  # the group has none
    (STACK, lvm("devices {\n"), MISSING),  # each command of LVM ends at once
    (STACK, lvm("# nothing but a comment\n"), MISSING),
    (STACK, lvm(""), OK),
    (STACK, lvm('devices {\n filter = [ "a|(|" ]\n}\n'), MISSING),
    (STACK, lvm("devices {\n nonesuch = 1\n}\n"), OK),
    # Each tried with LVM 2.03 in a virtual machine, by the commands of jobs/lvm.toml.
    *((STACK, lvm(f"{each}\n"), MISSING) for each in (
        'devices/dir = "/none"', "devices/scan = []", 'devices/scan = ""',
        'devices/scan = [ "/dev/mpath" ]',
        'devices/preferred_names = [ "[" ]', 'devices/preferred_names = ""',
        "devices/types = []", 'devices/types = [ "zd" ]', 'devices/types = [ "zd", "x" ]',
        'devices/types = [ "zd", 0 ]', 'devices/types = "x"',
        'activation/activation_mode = "none"', 'activation/readahead = "x"',
        'global/proc = "/none"', "global/test = 1", "global/test = -1",
        'global/units = "none"', 'global/units = "mm"',
        'global/locking_dir = "/proc/lvm"', 'global/locking_dir = "/sys"',
        'global/locking_dir = "/init/locks"', 'global { locking_dir = "/init" }',
    )),
    *((STACK, lvm(f"{each}\n"), UNKNOWN) for each in (
        "devices/pv_min_size = 100000000", 'global/locking_dir = "/dev/null"',
        'activation/read_only_volume_list = [ "vg0" ]',
        'activation/read_only_volume_list = [ "vg0/root" ]',
        'activation/read_only_volume_list = [ "@x" ]', "config/abort_on_errors = 1",
        "tags { hosttags = 1 }", "tags { x { } }", "activation/udev_sync = 0",
        'log { report_command_log = 1\n command_log_selection = "(((" }',
    )),
    *((STACK, lvm(f"{each}\n"), OK) for each in (
        'devices/dir = "/dev/"', 'devices/dir = "none"', 'devices/scan = [ "/none", "/dev" ]',
        'devices/preferred_names = [ "^/dev/mpath/" ]', "devices/preferred_names = []",
        'devices/types = [ "zd", 16 ]', "devices/pv_min_size = 2048",
        "devices/pv_min_size = -5", "global/test = 0", 'global/units = "3m"', 'global/units = ""',
        'global/locking_dir = "/run/none/x"', 'global/locking_dir = "none"',
        'activation/read_only_volume_list = [ "vg1", "vg0/swap" ]',
        'global/thin_check_executable = "/bin/false"', "global/thin_check_options = []",
        "global/use_lvmlockd = 1", "global/event_activation = 0", 'global/proc = "none"',
        'tags { x { host_list = [ "other" ] } }', "activation/readahead = 16",
        'tags { hosttags = 1 }\nactivation { volume_list = [ "vg0" ] }',
        "devices/use_devicesfile = 1", "devices/md_component_detection = 0",
        "devices/multipath_component_detection = 0", "devices/scan_lvs = 1",
        "devices/issue_discards = 1", 'devices/hints = "none"', "log/silent = 1",
        'log/prefix = "x"', 'report/output_format = "json"', "global/wait_for_locks = 0",
        "global/metadata_read_only = 1", "tags/hosttags = 0", "global/use_lvmpolld = 0",
    )),
    ("lvm-thin", lvm("global/thin_check_options = []\n"), MISSING),
    ("lvm-thin", {**lvm('global/thin_check_executable = "/usr/bin/ours"\n'),
                  "/usr/bin/ours": "#!/bin/sh\n"}, UNKNOWN),
    ("lvm-thin", lvm('global/thin_check_executable = "/usr/bin/absent"\n'), OK),
    ("lvm-thin", lvm('global/thin_check_executable = ""\nglobal/thin_check_options = []\n'), OK),
    (STACK, {**lvm('tags { hosttags = 1 }\nactivation { volume_list = [ "vg0" ] }\n'),
             "/etc/lvm/lvm_here.conf": "#\n"}, UNKNOWN),
    (STACK, {**lvm("#\nlog/silent = 0\n"), "/etc/lvm/lvm_here.conf": "#\n"}, OK),
    (STACK, {"/etc/lvm/lvmlocal.conf": "<<<<<<< HEAD\n"}, MISSING),
    (MULTIPATH, {"/etc/multipath.conf": 'blacklist {\n wwid ".*"\n}\n'}, MISSING),
    (MULTIPATH, {"/etc/multipath/conf.d/x.conf": 'blacklist {\n devnode "^sd"\n}\n'}, MISSING),
    (MULTIPATH, {"/etc/multipath.conf": "defaults {\n find_multipaths strict\n}\n"}, MISSING),
    (MULTIPATH, {"/etc/multipath.conf": "defaults {\n find_multipaths strict\n}\n",
                 "/etc/multipath/wwids": f"/{WWID}/\n"}, OK),
    (STACK, crypttab("luks"), OK),
    (STACK, crypttab("luks,noauto"), OK),
    (STACK, crypttab("luks", source="UUID=0000-1"), MISSING),
    (STACK, crypttab("luks", "/etc/keys/absent"), WARNING),  # a passphrase is asked for
    (STACK, crypttab("luks,headless", "/etc/keys/absent"), MISSING),
    (STACK, crypttab("luks,keyscript=/lib/absent"), WARNING),
    (STACK, crypttab("luks,header=/absent"), MISSING),
    (STACK, crypttab("luks,header=/h:LABEL=ABSENT"), UNKNOWN),
    (STACK, crypttab("luks,headless", "/k:LABEL=ABSENT"), UNKNOWN),
    (STACK, crypttab("plain"), MISSING),
    (STACK, modprobe("blacklist raid1\n"), MISSING),
    (STACK, modprobe("blacklist dm_crypt\n"), OK),  # a job asks for it by its name
    (STACK, modprobe("install virtio_blk /bin/false\n"), MISSING),
    (STACK, modprobe("install raid1 /sbin/modprobe --ignore-install raid1 $CMDLINE_OPTS\n"), OK),
    (STACK, modprobe("install raid1 modprobe -i raid1 && modprobe other\n"), OK),
    (STACK, modprobe("install raid1 modprobe -i other; modprobe -i raid1\n"), MISSING),
    (STACK, modprobe("install raid1 /nonexistent/modprobe -i raid1\n"), MISSING),
    (STACK, modprobe("install raid1 modprobe raid1\n"), MISSING),  # without end
    (STACK, modprobe("install virtio-blk\n"), OK),  # a bad line, which kmod leaves out
    (STACK, modprobe("install \\\n raid1 /bin/false\n"), MISSING),
    (STACK, modprobe("install md_mod /bin/false\n"), MISSING),  # raid1 needs it
    (STACK, modprobe("install fs-ext4 /bin/false\n"), MISSING),
    (STACK, modprobe("alias fs-ext* off\n"), MISSING),
    (STACK, modprobe("alias fs-ext4 ext4\n"), OK),
    (STACK, modprobe("softdep ext4 pre: nonesuch\noptions raid1 none=1\n"), OK),
    (STACK, modprobe("options md-mod start_dirty_degraded=yes\n"), MISSING),  # an int
    (STACK, modprobe("options md_mod start_dirty_degraded=1 nonesuch=x\n"), OK),
    (STACK, modprobe("options md_mod create_on_open=perhaps\n"), MISSING),  # a bool
    (STACK, {"/usr/lib/modprobe.d/mine.conf": "install raid1 /bin/false\n"}, MISSING),
    (STACK, {"/usr/lib/modprobe.d/mine.conf": "install raid1 /bin/false\n", **modprobe("")}, OK),
    (STACK, {"/usr/lib/modprobe.d/mine.conf": "install raid1 /bin/false\n",
             "/etc/modprobe.d/mine.conf": Link("/dev/null")}, OK),
    *((STACK, hidden(each), UNKNOWN) for each in (
        "60-persistent-storage.rules", "63-md-raid-arrays.rules", "69-initpy-lvm.rules",
        "55-dm.rules", "80-drivers.rules",
    )),
    (STACK, hidden("63-md-raid-arrays.rules", "# none of ours\n"), UNKNOWN),
    (STACK, hidden("63-md-raid-arrays.rules", "\0" * 4096), UNKNOWN),
    (STACK, {"/usr/lib/udev/rules.d/66-initpy-filesystem.rules":
             'SUBSYSTEM!="block", GOTO="end"\nACTION=="rem'}, UNKNOWN),
    # A file that was cut off, or another system's.
    (STACK, hidden("60-persistent-storage.rules", 'ACTION=="remove", GOTO="end"\n'), UNKNOWN),
    (STACK, hidden("80-drivers.rules", 'ACTION!="add", GOTO="end"\n# kmod\n'), UNKNOWN),
    (STACK, hidden("99-mine.rules", 'ENV{X}="y"\n'), OK),
    *((STACK, hidden("99-mine.rules", f"{each}\n"), UNKNOWN) for each in (
        'SUBSYSTEM=="block", ENV{SYSTEMD_READY}="0"',
        'KERNEL=="vd[ab]", ENV{SYSTEMD_READY}="0"',
        'ENV{ID_SERIAL}=="x", ENV{SYSTEMD_READY}="0"',
        'SUBSYSTEM=="block", \\\n  ENV{ID_FS_TYPE}=="linux_raid_member", ENV{ID_FS_TYPE}=""',
        'ENV{DM_NAME}=="vg0-*", ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1"',
        'KERNEL=="md*", ENV{ID_FS_TYPE}="%k"',
        'KERNEL!="sd*", SYMLINK="other"',
        'ATTRS{vendor}=="x", OPTIONS+="ignore_device"',
        'SUBSYSTEM=="virtio", ENV{MODALIAS}=""',
        'SUBSYSTEM=="pci", ATTR{remove}="1"',
        'ACTION=="change", SUBSYSTEM=="block", ENV{SYSTEMD_READY}="0"',
        'ACTION=="remove", GOTO="e"\nENV{SYSTEMD_READY}="0"\nLABEL="e"',
        'SUBSYSTEM=="block", GOTO="nowhere"\nENV{SYSTEMD_READY}="0"',
    )),
    *((STACK, hidden("99-mine.rules", f"{each}\n"), OK) for each in (
        'SUBSYSTEM=="block", ENV{UDISKS_IGNORE}="1", SYMLINK+="mine/%k"',
        'KERNEL=="sd?", ENV{SYSTEMD_READY}="0"',
        'ENV{ID_FS_TYPE}=="ntfs", ENV{SYSTEMD_READY}="0"',
        'ENV{ID_FS_UUID}=="0-1|0-2", ENV{ID_FS_TYPE}=""',
        'SUBSYSTEM=="net", NAME="lan"',
        'ACTION=="remove", SUBSYSTEM=="block", ENV{SYSTEMD_READY}="0"',
        'SUBSYSTEM=="block", ENV{SYSTEMD_READY}="1"',
        'SUBSYSTEM=="block", ENV{DM_UDEV_DISABLE_DISK_RULES_FLAG}="0"',
        'SUBSYSTEM!="usb", GOTO="e"\nATTR{authorized}="0", ENV{SYSTEMD_READY}="0"\nLABEL="e"',
        'KERNEL=="vd*", ATTR{queue/scheduler}="none", MODE="0600"',
        '# ENV{SYSTEMD_READY}="0"',
    )),
    # Before blkid has run, no disk has a file system.
    (STACK, hidden("10-mine.rules", 'ENV{ID_FS_TYPE}!="ext4", ENV{SYSTEMD_READY}="0"\n'), UNKNOWN),
    (STACK, {"/usr/local/lib/udev/rules.d/a.rules": 'ENV{SYSTEMD_READY}="0"\n'}, UNKNOWN),
    (STACK, {"/usr/lib/udev/rules.d/a.rules": 'ENV{SYSTEMD_READY}="0"\n'}, UNKNOWN),
    (STACK, {"/usr/lib/udev/rules.d/a.txt": 'ENV{SYSTEMD_READY}="0"\n'}, OK),
    (STACK, {"/run": "a file\n"}, MISSING),
    (STACK, {"/sysroot": Link("/nonexistent")}, MISSING),
    (STACK, {"/etc/initpy/parameters": "rd.md=0\n"}, MISSING),
    (STACK, {"/etc/initpy/parameters": "rd.md=0 rd.md=1\n"}, OK),
    (STACK, {"/etc/initpy/parameters": "root=UUID=another\n"}, OK),  # the command line wins
    (STACK, {"/etc/initpy/parameters": "\0\n=\nresume=\n"}, OK),
    (STACK, {"/etc/hostname": "other\n"}, OK),  # any host may take the array
    (STACK, {"/etc/initpy/jobs/md.toml": "nonsense\n"}, WARNING),  # initpy's own one serves
]  # fmt: skip


# What to do, in the reason of a row that is unknown.
ADVICE = re.compile(
    r"\b(add|attach|boot|build|correct|install|mount|name|remove|run|use)\b|--\w", re.IGNORECASE
)


@pytest.mark.parametrize(("name", "files", "verdict"), TABLE, ids=range(len(TABLE)))
def test_a_file_that_does_not_fit_is_said(name: str, files: Files, verdict: Verdict) -> None:
    assert worst(name, files) is verdict
    unknown = (row for row in judged(name, files).of(UNKNOWN) if row not in before(name))
    assert [row.reason for row in unknown if not ADVICE.search(row.reason)] == []
