"""The parameters about checks of file systems."""

from collections.abc import Callable

from initpy.config.commandline import FALSE, Parameter
from initpy.config.draft import Draft


def _check(key: str, **words: str) -> Callable[[Draft, Parameter], None]:
    """fsck.mode= and fsck.repair= (systemd-fsck@.service(8)), and older words for the same."""

    def handler(draft: Draft, parameter: Parameter) -> None:
        if parameter.value not in words:
            # What was meant may be less than the default does: nothing is repaired, or checked.
            draft.check[key] = "skip" if key == "mode" else "-n"
            raise parameter.error(" or ".join(words))
        draft.check[key] = words[parameter.value]

    return handler


def _short(key: str, word: str) -> Callable[[Draft, Parameter], None]:
    """Older words for one value of these, as flags."""

    def handler(draft: Draft, parameter: Parameter) -> None:
        off = parameter.value is not None and parameter.value.lower() in FALSE
        if not off:
            draft.check[key] = word
        elif draft.check.get(key) == word:
            del draft.check[key]

    return handler


def finish(draft: Draft) -> None:
    if draft.check:
        mode, repair = draft.check.get("mode", ""), draft.check.get("repair", "-a")
        words = (repair, "-f") if mode == "force" else (repair,)
        draft.set(check=None if mode == "skip" else words)


HANDLERS: dict[str, Callable[[Draft, Parameter], None]] = {
    "fsck.mode": _check("mode", auto="", force="force", skip="skip"),
    "fsck.repair": _check("repair", preen="-a", yes="-y", no="-n"),
    "fastboot": _short("mode", "skip"),
    "forcefsck": _short("mode", "force"),
    "fsckfix": _short("repair", "-y"),
    "rd.skipfsck": _short("mode", "skip"),
}
