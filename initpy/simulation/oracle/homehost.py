"""Whose array it is, worked out from the file alone (R9): the oracle's own account of the rule.

An array is this machine's if a line of mdadm.conf names it, if its homehost is "any" or the name of
the machine, or if mdadm.conf says that the host does not matter; mdadm.conf(5), mdadm(8). What
mdadm.conf keeps off, by AUTO or `ARRAY <ignore>`, is not assembled at all.
"""

import re

from initpy.scenario.model import CONTAINERS, Layer, Scenario

_CONF = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
_A_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def machine_name(scenario: Scenario) -> str:
    """The machine's name in the initramfs; the kernel's own is `(none)`."""
    words = [
        word.partition("=") for word in scenario.cmdline.replace('"', "").split(" -- ")[0].split()
    ]
    asked = [value for key, _, value in words if key == "systemd.hostname"][-1:]
    of_kernel = [value for key, _, value in words if key == "hostname"][-1:]
    lines = dict(scenario.files).get("/etc/hostname", scenario.variant.hostname).splitlines()
    written = [line.strip() for line in lines if line.strip() and line.strip()[0] != "#"][:1]
    for name in (*asked, *written, *of_kernel):
        if _A_NAME.fullmatch(name):
            return name
    return "(none)"


def is_own(scenario: Scenario, layer: Layer) -> bool:
    """Whether mdadm takes the array for this machine's; true for what is no array."""
    if layer not in _arrays(scenario):
        return True
    if layer.kind in CONTAINERS:
        return True  # it never runs: its volumes do
    for box in scenario.layers:
        if box.kind in CONTAINERS and box.name in layer.on:
            # HOMEHOST <ignore> is no matter for volumes (Incremental_container); imsm has no host.
            return box.kind == "imsm" or box.homehost in ("any", _here(scenario))
    minor = 100 + [each.name for each in _arrays(scenario)].index(layer.name)
    lines = _conf_lines(scenario)
    if any(_names(words, layer, minor) for words in lines if _is("ARRAY", words)):
        return True
    here, hosts = _here(scenario), _hosts(scenario)
    anybody = not here or "<ignore>" in map(str.lower, hosts)
    if _made_by(layer, here) or _made_by(layer, "any"):
        return True
    if layer.homehost == "<none>" and layer.metadata != "0.90":
        return True  # its name tells no host
    taken = {_short(word) for words in lines if _is("ARRAY", words) for word in _called(words)}
    return anybody and _short(_name(layer, minor)) not in taken


def kept_off(scenario: Scenario, layer: Layer) -> bool:
    """Whether mdadm.conf forbids to assemble the array; false for what is no array."""
    if layer not in _arrays(scenario):
        return False
    for box in scenario.layers:
        if box.kind in CONTAINERS and box.name in layer.on:
            return kept_off(scenario, box)
    minor = 100 + [each.name for each in _arrays(scenario)].index(layer.name)
    lines = [words for words in _conf_lines(scenario) if _is("ARRAY", words)]
    of_it = [words for words in lines if _names(words, layer, minor)]
    if of_it:  # a line that names it outdoes AUTO; several contradict each other
        return len(of_it) > 1 or "<ignore>" in map(str.lower, _called(of_it[0]))
    for word in _auto(scenario):
        if word == "homehost":
            return False  # contrary to mdadm.conf(5), arrays of other hosts are assembled, too
        if word in ("yes", "no") or word[1:] == "all" or word[1:] in _families(layer):
            return word == "no" or word[0] == "-"
    return False  # what AUTO does not speak of is assembled


def _auto(scenario: Scenario) -> list[str]:
    """The words of the first AUTO line; mdadm takes no second."""
    lines = [words[1:] for words in _conf_lines(scenario) if _is("AUTO", words)]
    return [word.lower() for word in lines[0]] if lines else []


def _families(layer: Layer) -> tuple[str, ...]:
    """The names of the array's metadata in AUTO: its own, its first character, 1.x for all 1."""
    kind = layer.kind if layer.kind in CONTAINERS else layer.metadata or "1.2"
    if kind.startswith("1."):
        return "1", "1.0", "1.1", "1.2", "1.x"
    return kind, kind[0]


def _hosts(scenario: Scenario) -> list[str]:
    lines = _conf_lines(scenario)
    return [word for words in lines if _is("HOMEHOST", words) for word in words[1:]]


def _here(scenario: Scenario) -> str:
    """The host whose arrays are this machine's, "" for those of all."""
    given = [word for word in _hosts(scenario) if word.lower() != "<ignore>"]
    here = given[0] if given and given[0].lower() != "<system>" else machine_name(scenario)
    return "" if here.lower() == "<none>" else here


def _arrays(scenario: Scenario) -> list[Layer]:
    """In the order in which they were made: a 0.90 array keeps its number."""
    return [each for each in scenario.layers if each.kind.startswith("raid")
            or each.kind in ("linear", *CONTAINERS)]  # fmt: skip


def _conf_lines(scenario: Scenario) -> list[list[str]]:
    words = scenario.cmdline.replace("_", "-").split()
    if any(each in words for each in ("rd.md.conf=0", "rd.md.conf=no", "rd.md.conf=off")):
        return []
    files = dict(scenario.files)
    text = "".join([files[path] for path in _CONF if path in files][:1])
    bare = [line.partition("#")[0].rstrip() for line in text.splitlines()]
    whole = re.sub(r"\n\s+", " ", "\n".join(line for line in bare if line))
    return [line.split() for line in whole.splitlines()]


def _is(keyword: str, words: list[str]) -> bool:
    return len(words[0]) > 2 and keyword.startswith(words[0].upper())


def _made_by(layer: Layer, host: str) -> bool:
    if layer.metadata == "0.90":
        # The second half of the UUID is a hash of the host, unless the UUID was chosen.
        return not layer.uuid and layer.homehost == host and bool(host)
    return layer.homehost == host and bool(host)


def _name(layer: Layer, minor: int) -> str:
    if layer.metadata == "0.90":
        return str(minor)
    return layer.name if layer.homehost == "<none>" else f"{layer.homehost}:{layer.name}"


def _names(words: list[str], layer: Layer, minor: int) -> bool:
    """Whether an ARRAY line is about this array; a UUID that the file leaves open is in no line."""
    pairs = [word.lower().split("=", 1) for word in words[1:] if "=" in word]
    told = {key: value for key, value in reversed(pairs) if key in ("uuid", "name", "super-minor")}
    uuid = re.sub("[^0-9a-f]", "", layer.uuid.lower())
    mine = {"uuid": uuid or "-", "name": _name(layer, minor).lower(), "super-minor": str(minor)}
    told = {k: re.sub("[^0-9a-f]", "", v) if k == "uuid" else v for k, v in told.items()}
    return bool(told) and all(value == mine[key] for key, value in told.items())


def _called(words: list[str]) -> list[str]:
    pairs = [word.partition("=") for word in words[1:]]
    plain = [key for key, equals, _ in pairs if not equals]
    return plain + [value for key, _, value in pairs if key.lower() in ("name", "super-minor")]


def _short(name: str) -> str:
    """/dev/md0, /dev/md/0, md0 and 0 are the same."""
    return re.sub(r"^md(?=\d)", "", re.sub(r"^/dev/(md/)?", "", name))
