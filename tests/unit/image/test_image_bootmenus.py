"""Boot menus as users have them: which entry starts the image, with which words.

GRUB's scripts are followed; a stale loader beside the one in use gives no false verdict.
"""

import random

import pytest
from fake_system import FakeSystem
from layouts import KERNEL as K
from layouts import ROOT, plain
from test_image_parameters import image

from initpy.image.check.check import prove
from initpy.image.check.proof import Row, Verdict
from initpy.image.stack import grubmenu
from initpy.image.stack.describe import describe

U = f"root=UUID={ROOT}"
OLD = "root=UUID=0000"
GRUB = "/boot/grub/grub.cfg"
GRUB2 = "/boot/grub2/grub.cfg"
ENV = "/boot/grub/grubenv"
ENTRIES = "/boot/loader/entries"
EXTLINUX = "/boot/extlinux/extlinux.conf"
LIMINE = "/boot/limine.conf"
REFIND = "/boot/refind_linux.conf"
KERNEL_INSTALL = "/etc/kernel/cmdline"
RUNNING = "/proc/cmdline"
EFI = "/sys/firmware/efi/efivars/{}-4a67b082-0a4c-41f6-b6c7-440b29bb8c4f"
ID = "$menuentry_id_option"


def linux(words: str, title: str = "a", image: str = "test.img", kernel: str = K) -> str:
    """Return an entry of GRUB."""
    commands = f"\tlinux\t/vmlinuz-{kernel} {words}\n\tinitrd\t/{image}\n"
    return f"menuentry '{title}' --class os {{\n{commands}}}\n"


def entry(words: str, more: str = "", kernel: str = K, image: str = "/test.img") -> str:
    """Return an entry of type #1."""
    return f"title x\nlinux /{kernel}/linux\ninitrd {image}\noptions {words}\n{more}"


def label(name: str, words: str) -> str:
    return f"LABEL {name}\n  LINUX /vmlinuz-{K}\n  INITRD /test.img\n  APPEND {words}\n"


def limine(name: str, words: str, path: str = f"boot():/vmlinuz-{K}") -> str:
    more = f"\tpath: {path}\n\tmodule_path: boot():/test.img\n"
    return f"/{name}\n\tprotocol: linux\n\tcmdline: {words}\n{more}"


def variable(name: str, text: str) -> dict[str, str]:
    """Return a file of efivarfs: attributes, then UTF-16."""
    return {EFI.format(name): "\x06\0\0\0" + "".join(f"{each}\0" for each in text) + "\0\0"}


SAVED = f"""
set menu_id=x
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
   set next_entry=
else
   set default="${{saved_entry}}"
fi
if [ x"${{feature_menuentry_id}}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
{linux(OLD)}
menuentry 'b' {ID} 'gnulinux-b' {{
  linux /vmlinuz-{K} {U}
  initrd /test.img
}}
"""
SUBMENU = f"{linux(OLD)}submenu 'Advanced' {ID} 'adv' {{\n{linux(OLD)}{linux(U, 'new')}}}\n"
KERNELOPTS = f'if [ -z "${{kernelopts}}" ]; then\n  set kernelopts="{U} ro "\nfi\nblscfg\n'
FUNCTION = f"function start {{\n linux /vmlinuz-{K} $1 $2\n initrd /test.img\n}}\n"

# What the files are -> what the entry is whose words lead to root.
GOOD = {
    "an entry in one line": {GRUB: f"menuentry a {{ linux /vmlinuz-{K} {U} ; initrd /test.img }}"},
    "words over several lines": {GRUB: f"linux /vmlinuz-{K} \\\n '{U}'\ninitrd /test.img\n"},
    "a function with parameters": {GRUB: f"{FUNCTION}menuentry a {{ start {U} quiet }}\n"},
    "a function that nothing calls": {
        GRUB: f"function f {{\n linux /vmlinuz-{K} {OLD}\n}}\n{linux(U)}"
    },
    "a loop over kernels": {
        GRUB: f"for k in /vmlinuz-*; do menuentry $k $k {{\nlinux $2 {U}\ninitrd /test.img\n}} done"
    },
    "a variable of all entries": {GRUB: f"set r={ROOT}\n{linux('root=UUID=${r}')}"},
    "a variable set after the entry": {GRUB: f"{linux('root=UUID=$r')}set r={ROOT}\n"},
    "a variable that each entry sets": {
        GRUB: f"menuentry b {{\n set r=0\n linux /vmlinuz-5.0 root=UUID=$r\n}}\nmenuentry a {{\n"
        f" set r={ROOT}\n linux /vmlinuz-{K} root=UUID=$r\n initrd /test.img\n}}\n"
    },
    "a condition that holds": {GRUB: f'if [ "$x" != y ]; then set r={U}; fi\n{linux("$r")}'},
    "a condition that does not": {
        GRUB: f"if [ -n '' ]; then\n{linux(OLD)}\nelif [ ! a = a ]\nthen\n{linux(OLD)}\n"
        f"else\n{linux(U)}\nfi\n"
    },
    "the default by its number": {GRUB: f"set default=1\n{linux(OLD)}{linux(U)}"},
    "the default by its title": {GRUB: f"set default='b'\n{linux(OLD)}{linux(U, 'b')}"},
    "the default by its id, saved": {GRUB: SAVED, ENV: "saved_entry=gnulinux-b\n"},
    "the next boot's entry": {GRUB: SAVED, ENV: "saved_entry=0\nnext_entry=gnulinux-b\n"},
    "the default in a submenu": {GRUB: f"set default='adv>new'\n{SUBMENU}"},
    "the default in a submenu, by numbers": {GRUB: f"set default='1>1'\n{SUBMENU}"},
    "a default that is gone": {GRUB: f"set default=gone\n{linux(U)}{linux(OLD)}"},
    "an entry for another system": {
        GRUB: f"{linux(OLD, 'Debian (on /dev/sdb1)')}{linux(U)}"
    },
    "a menu in another file": {
        GRUB: "set default=0\nsource $prefix/mine.cfg\n" + linux(OLD),
        "/boot/grub/mine.cfg": linux(U),
    },
    "a menu in a file on the boot partition": {
        GRUB: "configfile ($root)/grub/mine.cfg\n", "/boot/grub/mine.cfg": linux(U),
    },
    "an entry that opens another menu": {
        GRUB: f"set default=m\n{linux(OLD)}menuentry m {{\n configfile /boot/m.cfg\n}}\n",
        "/boot/m.cfg": linux(U),
    },
    "a configuration on the EFI system partition": {"/boot/efi/EFI/fedora/grub.cfg": linux(U)},
    "one that only leads to the other": {
        "/boot/efi/EFI/debian/grub.cfg": "configfile $prefix/grub.cfg\n", GRUB: linux(U),
    },
    "files that name each other": {
        GRUB: "source $prefix/a.cfg\n", "/boot/grub/a.cfg": f"{linux(U)}source $prefix/a.cfg\n",
    },
    "Xen": {
        GRUB: f"menuentry x {{\n multiboot2 /xen.gz placeholder dom0_mem=1G\n module2 /vmlinuz-{K} "
        f"placeholder {U} ro\n module2 --nounzip /test.img\n}}\n"
    },
    "a device tree and microcode": {
        GRUB: f"menuentry x {{\nlinux ($root)/vmlinuz-{K} {U}\ndevicetree /x.dtb\n"
        "initrd ($root)/ucode.img ($root)/test.img\n}"
    },
    "Fedora's variables without an environment block": {
        GRUB2: KERNELOPTS, f"{ENTRIES}/x.conf": entry("$kernelopts $tuned_params")
    },
    "Fedora's variables in an environment block": {
        GRUB2: KERNELOPTS.replace(U, OLD), "/boot/grub2/grubenv": f"kernelopts={U} ro\n",
        f"{ENTRIES}/x.conf": entry("$kernelopts"),
    },
    "an entry that automatic boot assessment has given up": {
        f"{ENTRIES}/x+0-3.conf": entry(OLD), f"{ENTRIES}/w+3.conf": entry(U)
    },
    "an entry of another system with a machine-id": {
        f"{ENTRIES}/z.conf": entry(OLD, "machine-id aa\n"), "/etc/machine-id": "bb\n",
        f"{ENTRIES}/a.conf": entry(U, "machine-id bb\n"),
    },
    "the entry that the user chose at the last boot": {
        f"{ENTRIES}/z.conf": entry(OLD), f"{ENTRIES}/a.conf": entry(U),
        **variable("LoaderEntryDefault", "a.conf"),
    },
    "the entry that started last": {
        f"{ENTRIES}/z.conf": entry(OLD), f"{ENTRIES}/a.conf": entry(U),
        "/boot/loader/loader.conf": "default @saved\n",
        **variable("LoaderEntryLastBooted", "a.conf"),
    },
    "an entry with the lower sort key": {
        f"{ENTRIES}/z.conf": entry(OLD, "sort-key z\n"), f"{ENTRIES}/a.conf": entry(U, "sort-key a")
    },
    "the newest version by its number": {
        f"{ENTRIES}/a.conf": entry(OLD, "version 6.9\n", "x", "/i /test.img"),
        f"{ENTRIES}/b.conf": entry(U, "version 6.10\n", "x", "/i /test.img"),
    },
    "several lines of initrd and options": {
        f"{ENTRIES}/a.conf": f"linux\t/{K}/linux\noptions\tro\noptions\t{U}\n"
        "initrd /u.img\ninitrd /test.img"
    },
    "images of the EFI stub in the options": {
        f"{ENTRIES}/b.conf": f"linux /vmlinuz\noptions {OLD} initrd=\\other.img\n",
        f"{ENTRIES}/a.conf": f"linux /vmlinuz\noptions initrd=\\u.img initrd=\\test.img {U}\n",
    },
    "syslinux's default": {EXTLINUX: f"DEFAULT b\n{label('a', OLD)}{label('b', U)}"},
    "syslinux's default by its menu": {
        EXTLINUX: f"{label('a', OLD)}{label('b', U)}  MENU DEFAULT\n"
    },
    "syslinux's files": {EXTLINUX: "MENU INCLUDE m.cfg\n", "/boot/extlinux/m.cfg": label("a", U)},
    "syslinux's words for all": {
        EXTLINUX: f"APPEND {U}\nLABEL a\nKERNEL /vmlinuz-{K}\nINITRD /u.img,/test.img\n"
    },
    "syslinux's images in its words": {
        EXTLINUX: f"LABEL a\nKERNEL /vmlinuz-{K}\nAPPEND initrd=/u.img,/test.img {U}\n"
    },
    "rEFInd's stanza": {
        "/efi/EFI/refind/refind.conf": f'menuentry "a" {{\n loader \\vmlinuz-{K}\n'
        f' initrd /test.img\n options "{U} ro"\n}}\n'
    },
    "rEFInd's image by the kernel's version": {REFIND: f'"a" "{U} initrd=boot\\initrd-%v.img"\n'},
    "Limine's default": {LIMINE: f"default_entry: 2\n{limine('a', OLD)}{limine('b', U)}"},
    "Limine's macros": {LIMINE: f"${{R}}={ROOT}\n{limine('a', 'root=UUID=${R}')}"},
    "Limine's folders": {LIMINE: f"/+Arch\n/{limine('a', U, f'boot():/vmlinuz-{K}#12ab')}"},
    "kernel-install's image of another kernel": {
        f"{ENTRIES}/t-6.2.conf": entry(OLD, kernel="6.2", image="/t/6.2/test.img"),
        f"{ENTRIES}/t-{K}.conf": entry(U, image=f"/t/{K}/test.img"),
    },
    # The loader that started this system is the one of the next boot.
    "entries that systemd-boot left": {
        f"{ENTRIES}/a.conf": entry(OLD), GRUB: linux(U), RUNNING: f"BOOT_IMAGE=/x {U}"
    },
    "a menu that GRUB left": {
        f"{ENTRIES}/a.conf": entry(U), GRUB: linux(OLD), RUNNING: f"initrd=\\test.img {U}"
    },
    "a menu that GRUB left, by systemd-boot's name": {
        EXTLINUX: label("a", OLD), f"{ENTRIES}/a.conf": entry(f"{U} quiet"),
        RUNNING: f"{U} ro", **variable("LoaderInfo", "systemd-boot 257.1"),
    },
    "a file of kernel-install beside GRUB": {
        KERNEL_INSTALL: OLD, GRUB: linux(f"{U} ro", kernel="5.0", image="b"),
        RUNNING: f"BOOT_IMAGE=/vmlinuz-5.0 {U} ro",
    },
    "a file of rEFInd beside GRUB": {
        REFIND: f'"a" "{OLD}"\n', GRUB: linux(U, kernel="5.0", image="b"),
        RUNNING: f"BOOT_IMAGE=/vmlinuz-5.0 {U}",
    },
    "a new file of kernel-install": {
        KERNEL_INSTALL: U, f"{ENTRIES}/t-5.0.conf": entry(OLD, kernel="5.0", image="/t/5.0/i"),
        RUNNING: f"initrd=\\t\\5.0\\i {OLD}",
    },
    "the firmware's words before those of a Raspberry Pi": {
        "/boot/firmware/cmdline.txt": f"console=tty1 {U} rootwait", REFIND: f'"a" "{OLD}"',
        RUNNING: f"coherent_pool=1M vc_mem.mem_base=0 console=tty1 {U} rootwait",
    },
}  # fmt: skip


def judged(files: dict[str, str]) -> list[Row]:
    """Return the rows about the command line for this machine; the image is test.img."""
    system = FakeSystem()
    plain(system)
    system.texts |= files
    stack = describe("/", system)
    proof = prove(image(), stack, K, run=False)
    return [row for row in proof.rows if row.layer == "the command line"]


def verdict(rows: list[Row], need: str) -> tuple[Verdict, str]:
    (row,) = (each for each in rows if each.need == need)
    return row.verdict, row.reason


@pytest.mark.parametrize("name", GOOD)
def test_an_entry_that_leads_to_root(name: str) -> None:
    assert verdict(judged(GOOD[name]), "root=")[0] is Verdict.OK


@pytest.mark.parametrize("name", GOOD)
def test_the_same_entry_when_it_is_stale(name: str) -> None:
    """Where the good words are bad, and the bad ones good, the verdict is the other one."""
    swapped = {
        path: text.replace(ROOT, "#new")
        .replace("UUID=0000", f"UUID={ROOT}")
        .replace("#new", "0000")
        for path, text in GOOD[name].items()
    }
    rows = judged(swapped)
    assert verdict(rows, "root=")[0] is Verdict.MISSING, rows


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Only GRUB knows what the command finds.
        ({GRUB: f"probe -u $root --set=r\n{linux('root=UUID=$r')}"}, Verdict.UNKNOWN),
        ({GRUB: linux("root=UUID=$cmdpath")}, Verdict.UNKNOWN),
        ({LIMINE: limine("a", "root=LABEL=${ARCH}")}, Verdict.UNKNOWN),
        # Nothing tells which of two loaders starts this machine.
        ({f"{ENTRIES}/a.conf": entry(OLD), GRUB: linux(U)}, Verdict.UNKNOWN),
        ({f"{ENTRIES}/a.conf": entry(U), GRUB: linux(OLD)}, Verdict.OK),
        # One loader, whose default entry is stale.
        ({GRUB: linux(OLD) + linux(U, "b")}, Verdict.MISSING),
    ],
)
def test_what_only_the_loader_knows(files: dict[str, str], expected: Verdict) -> None:
    found, reason = verdict(judged(files), "root=")
    assert found is expected
    assert (found is not Verdict.UNKNOWN) or "nothing tells" in reason or "cannot know" in reason


def test_a_stale_entry_beside_the_default_one_is_said() -> None:
    rows = judged({GRUB: linux(U) + linux(OLD, "b") + linux(f"{U} quiet", "c")})
    assert verdict(rows, "root=")[0] is Verdict.OK
    found, reason = verdict(rows, "another entry")
    assert found is Verdict.WARNING
    assert reason.startswith(f"{GRUB} (b) would not boot: root= UUID=0000 is not")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({GRUB: linux(U, image="initrd.img")}, "which starts the kernel with /initrd.img"),
        ({GRUB: f"linux /vmlinuz-{K} {U}\n"}, "which starts the kernel with no image"),
        ({GRUB: linux(U, kernel="5.0", image="x"), RUNNING: f"BOOT_IMAGE=/x {U}"},
         "for another kernel"),
        ({KERNEL_INSTALL: U}, KERNEL_INSTALL),
    ],
)  # fmt: skip
def test_what_the_judged_entry_starts_is_said(files: dict[str, str], words: str) -> None:
    assert verdict(judged(files), "its source")[1].endswith(words)


TEXT = """menuentry submenu { } if then else elif fi for do done while function f linux initrd /k
root=a set a=b $a 'x' "y ; [ ] -z ! && module2 multiboot2 --id \\ probe --set=a # unset ${"""
WORDS = TEXT.split()


def test_any_script_is_read_in_a_bounded_time() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        words = (chance.choice([*WORDS, "\n"]) for _ in range(chance.randrange(40)))
        grubmenu.read(" ".join(words), {})
    for text in ("${" * 20000, "{" * 20000, "if " * 20000, "menuentry a {" * 9000, "'" * 20001,
                 "function f { f; f; }\nf\n", "menuentry a { submenu b {" * 3000):  # fmt: skip
        grubmenu.read(text, {})
