"""What users wrote, and what the journal tells of it, without the secrets (R14).

The tables of `secretfields` say where those are. What no grammar tells is kept, such as the text of
a shell script in a job file: a secret belongs in a file that the script reads.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from initpy.config.secretfields import (
    HIDDEN,
    ISCSI_RECORDS,
    PROGRAMS,
    Row,
    crypt_key,
    crypt_options,
    hidden,
    mount_option_list,
    script_argument,
    script_of,
    url,
    value,
)

BLANKS = " \t\n\v\f\r"  # between words of the command line: the kernel's isspace()


def command_line(text: str) -> str:
    """The command line; words without a secret are left as they are written."""
    return "".join(_word(raw, word) for raw, word in _words(text))


def _word(raw: str, word: str) -> str:
    name, separator, given = word.partition("=")
    shown = value(name, given) if separator else given
    if shown == given or shown is None:
        return raw
    if any(each in name for each in BLANKS):
        return f'"{name}={shown}"'
    quote = '"' if any(each in shown for each in BLANKS) else ""
    return f"{name}={quote}{shown}{quote}"


def _words(text: str) -> Iterable[tuple[str, str]]:
    """Words and what is between them, each as it is written and without its quotes.

    As `commandline.parse` splits them; see next_arg() of the kernel.
    """
    raw, word, quoted, blank = "", "", False, False
    for character in text:
        between = character in BLANKS and not quoted
        if raw and between != blank:
            yield raw, "" if blank else word
            raw = word = ""
        blank = between
        raw += character
        if character == '"':
            quoted = not quoted
        else:
            word += character
    if raw:
        yield raw, "" if blank else word


# Files


def crypttab(text: str) -> str:
    """A crypttab; comments, and what follows the four fields of a line, are left out."""
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    fields = line.split()
    if not fields:
        return ""
    if fields[0].startswith("#"):
        return "#"
    name, device, key, options = [*fields, "", "", ""][:4]
    script = script_of(options.split(","))
    rest = "…" if fields[4:] and not fields[4].startswith("#") else ""  # there is a line about it
    kept = (name, device, script_argument(script, key), crypt_options(options), rest)
    return " ".join(filter(None, kept))


def job_file(path: str, text: str) -> str:
    """A job file; as it is written unless there is a secret in it."""
    import json

    try:
        if path.endswith(".json"):
            table = json.loads(text)
        else:
            import tomllib

            table = tomllib.loads(text)
    except (ValueError, RecursionError):
        return ""  # what is no job file decides nothing, and nobody knows what it is
    shown = job_value("", table)
    if shown == table:
        return text
    return json.dumps(shown) if path.endswith(".json") else _toml(shown)


def job_value(key: str, found: Any) -> Any:
    """The value of a key of a job file, or the whole of it."""
    if isinstance(found, dict):
        if key == "environment":
            return dict(environment(found.items()))
        return {name: job_value(name, each) for name, each in found.items()}
    if key == "run" and isinstance(found, str):  # no list, as it should be
        return " ".join(argv(found.split()))
    if isinstance(found, list):
        words = all(isinstance(each, str) for each in found)
        return list(argv(found)) if words else [job_value("", each) for each in found]
    return found


def _toml(table: Mapping[str, Any]) -> str:
    return "".join(f"{_toml_text(key)} = {_toml_value(each)}\n" for key, each in table.items())


def _toml_value(found: Any) -> str:
    if isinstance(found, dict):
        pairs = (f"{_toml_text(key)} = {_toml_value(each)}" for key, each in found.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(found, list):
        return f"[{', '.join(map(_toml_value, found))}]"
    return _toml_text(found) if isinstance(found, str) else str(found).lower()


def _toml_text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# Commands


def argv(words: Sequence[str]) -> tuple[str, ...]:
    """A command."""
    if not words:
        return ()
    program = words[0].rpartition("/")[2]
    if program == "busybox":
        return (words[0], *argv(words[1:]))
    if program == "iscsiadm":
        return _iscsiadm(words)
    if program == "systemd-cryptsetup" and len(words) > 5:
        key, options = crypt_key(words[4]), crypt_options(words[5])
        return (*words[:4], key, options, *words[6:])
    rows = PROGRAMS.get("mount" if program.startswith("mount.") else program, ())
    kept, before = [words[0]], ""
    for word in words[1:]:
        kept.append(_argument(rows, before, word))
        before = word
    return tuple(kept)


def _argument(rows: Iterable[Row], before: str, word: str) -> str:
    """A word of a command, after another one."""
    for row in rows:
        if before in row.names:
            return row.hide(word)
        for name in row.names:
            if name.startswith("--") and word.startswith(f"{name}="):
                return f"{name}={row.hide(word.removeprefix(f'{name}='))}"
            if not name.startswith("--") and word.startswith(name) and word != name:
                return f"{name}{row.hide(word.removeprefix(name))}"
    if before.startswith("--") and "=" not in before:
        return hidden((), before, word)
    name, separator, given = word.partition("=")
    return f"{name}{separator}{hidden((), name, given)}" if separator else url(word)


def _iscsiadm(words: Sequence[str]) -> tuple[str, ...]:
    """iscsiadm(8): -v is the value of the record that -n names."""
    pairs = tuple(pairwise(words))
    names = {word for option, word in pairs if option in ("-n", "--name")}
    if not names & ISCSI_RECORDS:
        return tuple(words)
    values = {place + 1 for place, (option, _) in enumerate(pairs) if option in ("-v", "--value")}
    kept = (HIDDEN if place in values else word for place, word in enumerate(words))
    return tuple(f"--value={HIDDEN}" if word.startswith("--value=") else word for word in kept)


def environment(variables: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The environment of a command."""
    return tuple((name, hidden((), name, text)) for name, text in variables)


# The journal


def record(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line of the journal: an event, a decision, or what decides the boot.

    Never raises: a line that is not what its kind says is left out but for that.
    """
    hide = RECORDS.get(str(line.get("kind")))
    if hide is None:
        return line
    try:
        return hide(line)
    except (AttributeError, IndexError, TypeError, ValueError):
        return {key: line[key] for key in ("t", "kind") if key in line}


def _started(line: Mapping[str, Any]) -> Mapping[str, Any]:
    found = dict(line)
    if isinstance(text := line.get("cmdline"), str):
        found["cmdline"] = command_line(text)
    if isinstance(text := line.get("parameters"), str):
        found["parameters"] = command_line(text)
    if isinstance(text := line.get("crypttab"), str):
        found["crypttab"] = crypttab(text)
    if isinstance(own := line.get("own_jobs"), dict):
        found["own_jobs"] = {path: job_file(path, text) for path, text in own.items()}
    return found


def _run(line: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **line,
        "argv": list(argv(line.get("argv") or ())),
        "environment": [list(each) for each in environment(line.get("environment") or ())],
    }


def _fetch(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The argument of a key script is in its environment too (Debian's crypttab(5))."""
    if not line.get("program"):
        return line
    script, *words = line["program"]
    variables = line.get("environment") or ()
    return {
        **line,
        "program": [script, *(script_argument(script, each) for each in words)],
        "environment": [
            [name, script_argument(script, text) if name == "CRYPTTAB_KEY" else text]
            for name, text in variables
        ],
    }


def _mount(line: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**line, "options": list(mount_option_list(line.get("options") or ()))}


def _mounted(line: Mapping[str, Any]) -> Mapping[str, Any]:
    found = dict(line)
    for key in {"extra_mounts", "further"} & line.keys():  # the second in older journals
        found[key] = [
            [target, spec, types, list(mount_option_list(flags)), *rest]
            for target, spec, types, flags, *rest in line[key]
        ]
    return found


def _lease(text: str) -> str:
    """A lease that an engine has left for the next: JSON with the root-path among its values."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return json.dumps(_without_login(found))


def _without_login(found: Any) -> Any:
    if isinstance(found, list):
        return [_without_login(each) for each in found]
    return value("netroot", found) if isinstance(found, str) else found


def _received(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The root-path of a DHCP server may have the login of an iSCSI target."""
    return {**line, "reply": _without_login(list(line.get("reply") or ()))}


def _device(device: Mapping[str, Any]) -> Mapping[str, Any]:
    known = device.get("properties") or {}
    if "lease" not in known:
        return device
    return {**device, "properties": {**known, "lease": _lease(known["lease"])}}


def _changed(line: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**line, "device": _device(line.get("device") or {})}


def _enumerated(line: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**line, "devices": [_device(each) for each in line.get("devices") or ()]}


def _ended(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a tool has printed."""
    words = ("output", "error", "complaints")
    if not any("-1:" in line.get(word, "") for word in words):  # each form of a key has it
        return line
    from initpy.core.network.nvmekeys import without_keys  # few boots have one

    return {key: without_keys(text) if key in words else text for key, text in line.items()}


RECORDS: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "DeviceChanged": _changed,
    "DhcpReceived": _received,
    "EngineStarted": _started,
    "JobEnded": _ended,
    "Enumerated": _enumerated,
    "Run": _run,
    "Fetch": _fetch,
    "Mount": _mount,
    "Mounted": _mounted,
}
