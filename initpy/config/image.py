"""What the administrator says of images: `/etc/initpy/*.toml`, read in the order of their names.

Lists of later files add to those of earlier ones; a single value of a later file wins.
"""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError
from initpy.config.textlines import read_file

DEFAULT_FOLDER = Path("/etc/initpy")
JOBS = "jobs"  # a folder of job files beside the configuration
KERNEL = "{kernel}"  # its version stands for it in a path
EXAMPLE = "see build/example.toml"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What images shall be, or have besides what their recipe says."""

    recipe: str | None = None  # the name of a recipe of ours, or a path
    compression: str | None = None
    level: int | None = None
    output: str | None = None  # where images are installed, with {kernel} for its version
    keep: int | None = None  # previous images
    root: str | None = None  # that an image is for and must boot, if it is not this system's
    stack: Path | None = None  # the same as a file, see `initpy check --describe`
    cmdline: str | None = None  # the kernel command line of an image that has its own
    crypttab: Path | None = None
    modules: tuple[str, ...] = ()  # names, or folders of the kernel's tree with a slash at the end
    without: tuple[str, ...] = ()  # the same, left out of what the recipe takes
    programs: tuple[str, ...] = ()
    files: tuple[tuple[Path, str], ...] = ()  # (on this machine, in the image)
    jobs: tuple[Path, ...] = ()  # folders or files
    keymaps: tuple[str, ...] = ()  # besides the machine's own, for rd.vconsole.keymap=


def load_image_config(folder: Path, *, required: bool = False) -> ImageConfig:
    """The configuration in a folder; without a folder, unless `required`, an empty one.

    Raises InputError naming file, line or key, value and what was expected.
    """
    if not folder.is_dir():
        if required:
            raise InputError("--config", str(folder), "a folder of TOML files")
        return ImageConfig()
    found = ImageConfig()
    for path in sorted(folder.glob("*.toml")):
        try:
            text = read_file(path)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(str(path), str(error), "a readable text file") from None
        found = combined(found, parse_image_config(str(path), text))
    jobs = folder / JOBS
    return replace(found, jobs=(*found.jobs, jobs)) if jobs.is_dir() else found


def combined(first: ImageConfig, second: ImageConfig) -> ImageConfig:
    """Lists together; of single values the second's, where it has one."""
    changes: dict[str, Any] = {}
    for each in fields(ImageConfig):
        before, after = getattr(first, each.name), getattr(second, each.name)
        if isinstance(before, tuple):
            changes[each.name] = tuple(dict.fromkeys((*before, *after)))
        else:
            changes[each.name] = before if after is None else after
    return ImageConfig(**changes)


def parse_image_config(where: str, text: str) -> ImageConfig:
    """One file. Raises InputError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # it names the line
        raise InputError(where, str(error), f"a TOML document; {EXAMPLE}") from None
    except RecursionError:
        raise InputError(where, "brackets in brackets", "a TOML document") from None
    known = {each.name for each in fields(ImageConfig)}
    for key in content:
        if key not in known:
            expected = f"one of the keys {', '.join(sorted(known))}"
            raise InputError(_line(where, text, key), key, expected)
    values = _Values(where, text, content)
    return ImageConfig(
        recipe=values.text("recipe"),
        compression=values.text("compression"),
        output=values.output("output"),
        keep=values.number("keep"),
        root=values.text("root"),
        stack=values.path("stack"),
        cmdline=values.text("cmdline"),
        modules=values.words("modules"),
        without=values.words("without"),
        programs=values.words("programs"),
        keymaps=values.words("keymaps"),
        level=values.number("level"),
        crypttab=values.path("crypttab"),
        files=tuple(values.placed(word) for word in values.words("files")),
        jobs=tuple(values.existing("jobs", word) for word in values.words("jobs")),
    )


def parse_placed(text: str) -> tuple[Path, str] | None:
    """`FILE:PATH`, or `FILE` alone at its own path; None unless both are absolute there."""
    source, colon, path = text.partition(":")
    path = path if colon else source
    return (Path(source), path) if source and path.startswith("/") else None


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of one file, typed; errors name its line."""

    where: str
    source: str
    content: dict[str, Any]

    def text(self, key: str) -> str | None:
        value = self.content.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self._error(key, value, f'text, {key} = "…"')
        return value

    def number(self, key: str) -> int | None:
        value = self.content.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._error(key, value, "a whole number")
        return value

    def output(self, key: str) -> str | None:
        text = self.text(key)
        if text is not None and not (text.startswith("/") and KERNEL in text):
            raise self._error(key, text, f"an absolute path with {KERNEL} in it")
        return text

    def words(self, key: str) -> tuple[str, ...]:
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            raise self._error(key, value, f'a list of texts, {key} = ["…", "…"]')
        return tuple(value)

    def path(self, key: str) -> Path | None:
        text = self.text(key)
        return None if text is None else self.existing(key, text)

    def existing(self, key: str, text: str) -> Path:
        if not text.startswith("/") or not Path(text).exists():
            raise self._error(key, text, "the absolute path of something that exists")
        return Path(text)

    def placed(self, text: str) -> tuple[Path, str]:
        placed = parse_placed(text)
        if placed is None or not text.startswith("/"):
            raise self._error("files", text, '"/FILE", or "/FILE:/PATH/IN/THE/IMAGE"')
        if not placed[0].exists():
            raise self._error("files", text, f"an existing file or folder, which {placed[0]} isn't")
        return placed

    def _error(self, key: str, value: object, expected: str) -> InputError:
        return InputError(f"{_line(self.where, self.source, key)}: {key}", value, expected)


def _line(where: str, text: str, key: str) -> str:
    """`FILE:LINE` of a key at the top of a TOML text; FILE if it stands nowhere plainly."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().lstrip("[\"'").startswith(key):
            return f"{where}:{number}"
    return where
