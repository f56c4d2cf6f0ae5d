"""Configures boot loaders with several entries: systemd-boot and GRUB, which count boots.

systemd-boot has the counters in the names of its entries (Boot Loader Specification, "Boot
Counting"), GRUB a variable for each entry in its environment block.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.process import run
from initpy.lab import esp
from initpy.scenario.model import BootEntry, Loader, Scenario

KERNEL, IMAGE = "linux", "initrd"
HINT = "apt install grub-efi-amd64-bin grub-common"


def files(scenario: Scenario, kernel: Path, initrd: Path, cmdline: str) -> dict[str, bytes]:
    """Return what the ESP of the scenario has, by path; all entries share kernel and image."""
    content = {KERNEL: kernel.read_bytes(), IMAGE: initrd.read_bytes()}
    if scenario.loader is Loader.GRUB:
        return content | _grub(scenario.entries, cmdline)
    for number, entry in enumerate(scenario.entries):
        counters = "" if entry.tries is None else f"+{entry.tries}"
        text = (
            f"title {entry.name}\nsort-key {number:02}\nlinux /{KERNEL}\ninitrd /{IMAGE}\n"
            f"options {cmdline} {entry.cmdline}\n"
        )
        content[f"loader/entries/{entry.name}{counters}.conf"] = text.encode()
    return content


def _grub(entries: tuple[BootEntry, ...], cmdline: str) -> dict[str, bytes]:
    script = "\n".join(_script(entries, cmdline))
    counters = [f"tries_{entry.name}={entry.tries}" for entry in entries if entry.tries is not None]
    with TemporaryDirectory(prefix="initpy-grub-") as folder:
        config, image, block = (Path(folder, name) for name in ("grub.cfg", "grub.efi", "grubenv"))
        config.write_text(script)
        words = ["--format=x86_64-efi", "--locales=", "--themes=", "--fonts=", f"--output={image}"]
        run(["grub-mkstandalone", *words, f"boot/grub/grub.cfg={config}"], hint=HINT)
        run(["grub-editenv", str(block), "create"], hint=HINT)
        if counters:
            run(["grub-editenv", str(block), "set", *counters], hint=HINT)
        return {esp.BOOTED: image.read_bytes(), "grubenv": block.read_bytes()}


def _script(entries: tuple[BootEntry, ...], cmdline: str) -> Iterator[str]:
    """Yield the lines of grub.cfg: take a try of the first entry that has any, then boot it.

    GRUB has no arithmetic; `initpy.tries=` gets what the block says after that.
    """
    yield "insmod part_gpt"
    yield "insmod fat"
    yield "search --no-floppy --file --set=esp /grubenv"
    yield "load_env --file ($esp)/grubenv"
    yield 'set booted=""'
    for entry in entries:
        words = f"{cmdline} {entry.cmdline}"
        yield 'if [ "$booted" = "" ]; then'
        if entry.tries is None:
            yield f'  set booted="{entry.name}"'
        else:
            name = f"tries_{entry.name}"
            words += f" initpy.tries=${{{name}}}"
            for left in range(1, entry.tries + 1):
                number = "elif" if left > 1 else "if"
                yield f'  {number} [ "${name}" = "{left}" ]; then'
                yield f'    set {name}="{left - 1}"'
                yield f'    set booted="{entry.name}"'
            yield "  fi"
            yield f"  save_env --file ($esp)/grubenv {name}"
        yield f'  if [ "$booted" = "{entry.name}" ]; then'
        yield f"    linux ($esp)/{KERNEL} {words}"
        yield f"    initrd ($esp)/{IMAGE}"
        yield "  fi"
        yield "fi"
    yield "boot"
    yield ""
