"""Judges what the command line says of programs to start and of stops on the way.

`init=` is on the root, `rdinit=` in the image (init/main.c of the kernel); break= and its like stop
a boot until a user has left the shell.
"""

from collections.abc import Iterator

from initpy.config.commandline import parse
from initpy.core.settings import BreakPoint, Settings
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.inits import ABSENT, PRESENT
from initpy.image.stack.layers import Layer

TITLE = "the command line"
WHERE = {
    BreakPoint.START: "at its start",
    BreakPoint.MOUNT: "before root is mounted",
    BreakPoint.HAND_OVER: "before the real system starts",
}
USUAL = "/init"  # what the kernel runs of an image without rdinit=


def rows(text: str, settings: Settings, archive: Archive, root: Layer | None) -> Iterator[Row]:
    """Yield the rows about init=, rdinit=, noinitrd, break=; `root` is root's file system."""
    said = {each.key: each.value for each in parse(text).parameters}
    started = said.get("rdinit")
    if started is not None and started != USUAL:
        yield _in_image(started, archive)
    if "noinitrd" in said:
        reason = (
            "cannot know: a kernel that UEFI firmware or systemd-boot starts takes no image then"
        )
        yield Row(TITLE, "noinitrd", Verdict.UNKNOWN, reason)
    if settings.init is not None and root is not None:
        yield _on_root(settings.init, root)
    if settings.breaks:
        where = " and ".join(words for each, words in WHERE.items() if each in settings.breaks)
        reason = f"each boot stops {where}, until a user has left the shell; remove the parameter"
        yield Row(TITLE, "break=", Verdict.WARNING, reason)


def _in_image(path: str, archive: Archive) -> Row:
    if path in archive:
        reason = f"the kernel starts {path} of the image instead of {USUAL}"
        return Row(TITLE, "rdinit=", Verdict.WARNING, reason)
    reason = f"the image has no {path}: the kernel would mount root itself, without the image"
    return Row(TITLE, "rdinit=", Verdict.MISSING, reason)


def _on_root(path: str, root: Layer) -> Row:
    if path in root.fact(PRESENT).split("\n"):
        return Row(TITLE, "init=", Verdict.OK, f"{path} is on the root")
    if path in root.fact(ABSENT).split("\n"):
        reason = f"the root has no {path}: the boot would start the usual one, /sbin/init"
    else:
        reason = f"cannot know whether the root has {path}; without it, /sbin/init is started"
    return Row(TITLE, "init=", Verdict.WARNING, reason)
