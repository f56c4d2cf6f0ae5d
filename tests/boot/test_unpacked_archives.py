"""`initpy ls` shows what a real kernel unpacks of archives that real tools have made (R30).

Each image is made by cpio and the real compressors, unpacked by the kernel of User Mode Linux, and
listed there by busybox.
"""

import hashlib
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from initpy.image.formats import cpio
from initpy.image.formats.archive import parse_archive
from initpy.image.tree import Entry, File, Folder, Link, Node
from initpy.lab.umlhost import environment

pytestmark = [
    pytest.mark.boot,
    pytest.mark.slow,  # a minute for all
    pytest.mark.skipif(shutil.which("cpio") is None, reason="apt install cpio"),
]

# `mk FOLDER [FORMAT]` writes an archive; `padded` adds zeros up to a multiple of four bytes.
TOOLS = r"""
mk() { (cd "$1"; find . -mindepth 1 | LC_ALL=C sort | cpio -o -H "${2:-newc}" --quiet); }
padded() { cat >p; while [ $(( $(stat -c %s p) % 4 )) != 0 ]; do printf '\0' >>p; done; cat p; }
mkdir a a/d b b/e c
echo one >a/f; echo x >a/d/x; ln -s d a/l; echo two >b/g; echo y >b/e/y
"""
CASES = {
    "two archives": "mk a; mk b",
    "a zero byte between them": r"mk a; printf '\0'; mk b",
    "two of gzip": "mk a | gzip -n; mk b | gzip -n",
    "two of gzip and zeros": r"mk a | gzip -n; printf '\0\0\0'; mk b | gzip -n",
    "plain after gzip": "mk a | gzip -n | padded; mk b",
    "plain after zstd": "mk a | zstd -q | padded; mk b",
    "plain after lz4": "mk a | lz4 -lq | padded; mk b",
    "zstd after lz4": "mk a | lz4 -lq; mk b | zstd -q",
    "zeros after lz4": r"mk a | lz4 -lq | padded; printf '\0\0\0\0'; mk b",
    "two of zstd": "mk a | zstd -q; mk b | zstd -q",
    "two of xz": "mk a | xz --check=crc32; mk b | xz --check=crc32",
    "xz with its usual check": "mk a; mk b | xz",
    "two of lz4": "mk a | lz4 -lq; mk b | lz4 -lq",
    "two of bzip2": "mk a | bzip2; mk b | bzip2",
    "two of lzma": "mk a | xz --format=lzma; mk b | xz --format=lzma",
    "nothing in gzip": "mk a; gzip -n </dev/null; mk b | gzip -n",
    "zeros in gzip": "mk a; head -c 512 /dev/zero | gzip -n; mk b | gzip -n",
    "only a trailer": "mk a; : | cpio -o -H newc --quiet | gzip -n; mk b | gzip -n",
    "two in one stream": "(mk a; mk b) | gzip -n",
    "two in one stream, unaligned": r"(mk a; printf '\0'; mk b) | gzip -n; mk b | gzip -n",
    "checksums": "mk a crc; mk b",
    "other words": "mk a; echo junk; mk b",
    "through a link": "mk a; mkdir c/l; echo z >c/l/z; mk c",
    "a link for a folder": "mk a; ln -s e c/d; mk c; mk b",
    "a link for an empty folder": "mkdir q q/d; mk q; ln -s e c/d; mk c; mk b",
    "a file for a folder": "mk a; echo no >c/d; mk c",
    "a folder for a file": "mk a; mkdir c/f; echo in >c/f/in; mk c",
    "a folder for a link": "mk a; mkdir c/l; mk c",
    "a link again": "mk a; ln -s f c/l; mk c",
    "a file for a link": "mk a; echo now >c/l; mk c",
    "hard links": "ln a/f a/h; ln a/f a/d/i; mk a",
    "empty hard links": ": >a/n; ln a/n a/m; mk a",
    "a hard link that is replaced": "ln a/f a/h; mk a; echo 1 >c/h; mk c",
    "without its folder": "(cd a; echo d/x | cpio -o -H newc --quiet); mk b",
    "modes": "chmod 4755 a/f; chmod 1777 a/d; mk a; mkdir c/d; chmod 700 c/d; mk c",
    "a shorter file": "head -c 5000 /dev/zero >a/f; mk a; echo s >c/f; mk c",
    "from the end": "(cd a; find . -mindepth 1 | sort -r | cpio -o -H newc --quiet); mk b",
    "links in a circle": "ln -s k c/j; ln -s j c/k; mk c; mkdir q q/j; : >q/j/f; mk q; mk b",
    "a link upwards": "ln -s ../../d c/u; mk a; mk c; mkdir q q/u; echo up >q/u/up; mk q",
    "an absolute link": "ln -s /d c/u; mk a; mk c; mkdir q q/u; echo up >q/u/up; mk q",
}
# Lists what is there but the lister itself: type, mode and path; checksums; targets.
LISTER = b"""#!/lab/busybox sh
b=/lab/busybox
words() { $b find / -xdev ! -path '/lab*' ! -path '/dev*' ! -path /root "$@"; }
words -exec $b stat -c 'entry %f %n' {} +
words -type f -exec $b sha1sum {} +
words -type l -exec $b stat -c 'link %N' {} +
$b mkdir /lab/proc
$b mount -t proc proc /lab/proc
$b dmesg | $b grep 'nitramfs unpacking failed'
echo listed
$b poweroff -f
"""
LISTED = re.compile(r"entry |link |[0-9a-f]{40}  ")
SECONDS = 120


def made(case: str, folder: Path) -> bytes:
    """Return the lister's archive and then what the case's commands write."""
    script = f"set -e\n{TOOLS}{CASES[case]}\n"
    done = subprocess.run(["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, check=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    null = Node(stat.S_IFCHR | 0o666, 1, 3)
    lister: dict[str, bytes | Entry] = {
        "/dev": Folder(0o755), "/dev/null": null, "/lab": Folder(0o755),
        "/lab/busybox": File(Path(busybox).read_bytes(), 0o755), "/lab/list": File(LISTER, 0o755),
    }  # fmt: skip
    return cpio.segment(lister) + done.stdout


def shown(image: bytes) -> tuple[set[str], bool]:
    """Return what initpy shows of an image, in the lister's words, and whether it warns."""
    archive = parse_archive(Path("image"), memoryview(image))
    found = set()
    for path, entry in archive.items():
        if path == "/" or path.startswith(("/lab", "/dev", "/root")):
            continue
        if isinstance(entry, Link):
            found |= {
                f"entry {stat.S_IFLNK | 0o777:x} {path}",
                f"link '{path}' -> '{entry.target}'",
            }
        elif isinstance(entry, File):
            found.add(f"entry {stat.S_IFREG | entry.mode:x} {path}")
            found.add(f"{hashlib.sha1(entry.read(), usedforsecurity=False).hexdigest()}  {path}")
        elif isinstance(entry, Folder):
            found.add(f"entry {stat.S_IFDIR | entry.mode:x} {path}")
    return found, bool(archive.warnings)


def unpacked(image: Path) -> tuple[set[str], bool]:
    """Return what the kernel has of an image, and whether it complains."""
    words = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; :', "sh"]
    words += [*environment(), "linux.uml", "mem=128M", f"initrd={image}", "rdinit=/lab/list"]
    words += ["con=null", "con0=null,fd:1", "ssl=null", "root=/dev/none"]
    words += ["initcall_blacklist=raid6_select_algo"]
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert "listed" in lines, done.stdout[-2000:]
    mine = {each for each in lines if LISTED.match(each)}
    return {each for each in mine if not each.endswith(" /")}, "unpacking failed" in done.stdout


@pytest.mark.parametrize("case", CASES)
def test_what_the_kernel_unpacks_is_what_is_shown(case: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    image = tmp_path / "image"
    image.write_bytes(made(case, work))
    expected, complains = unpacked(image)
    found, warns = shown(image.read_bytes())
    assert found == expected
    assert warns or not complains
