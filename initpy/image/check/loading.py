"""Judges what makes a kernel refuse a module that is there: its signature, and its options.

The kernel loads no module with a value that is not of the parameter's type (kernel/params.c), and
none without a signature where it is told so (kernel/module/signing.c).
"""

import re
from collections.abc import Iterable, Iterator

from initpy.config.commandline import Parameter, parse
from initpy.image.formats.modinfo import ModuleInfo
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.kernel.kmod import canonical

# kstrtoul() and its like: the base is that of C.
NUMBER = re.compile(r"(-?)\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
# Type of a parameter -> bits, and whether it may be negative.
NUMBERS = {
    "byte": (8, False), "short": (16, True), "ushort": (16, False), "int": (32, True),
    "uint": (32, False), "hexint": (32, False), "long": (64, True), "ulong": (64, False),
    "ullong": (64, False),
}  # fmt: skip
SWITCHES = ("bool", "invbool", "bint")
YES_OR_NO = re.compile(r"[yYtTnNfF01]|[oO][nNfF]")  # kstrtobool() reads no further
ARRAY = "array of "
AGAIN = "what that has written may be unknown to it; build the image again"
ENFORCED, LOCKED = "module.sig_enforce", "lockdown"
LEVELS = ("integrity", "confidentiality")
FORCED = (
    "MODULE_SIG_FORCE", "LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
)  # fmt: skip
# What distributions call it that Secure Boot locks their kernels down.
BY_SECURE_BOOT = ("LOCK_DOWN_IN_EFI_SECURE_BOOT", "LOCK_DOWN_IN_SECURE_BOOT")


def signatures_wanted(config: KernelConfig | None, cmdline: str, *, locked_down: bool) -> str:
    """Return what has the kernel take signed modules only; "" if nothing is known to.

    `locked_down`: the running kernel is, and not by its command line (Secure Boot).
    """
    if config is not None and "MODULE_SIG" not in config:
        return ""
    said = {each.key: each for each in parse(cmdline).parameters}
    if ENFORCED in said and (said[ENFORCED].value or "1")[:1] in "1yYtT":
        return f"{ENFORCED} on the command line"
    level = said[LOCKED].value if LOCKED in said else None
    if level in LEVELS and config is not None and "SECURITY_LOCKDOWN_LSM" in config:
        return f"{LOCKED}={level} on the command line"
    forced = next((each for each in FORCED if config is not None and each in config), "")
    if forced:
        return f"CONFIG_{forced}"
    if locked_down and (config is None or any(each in config for each in BY_SECURE_BOOT)):
        return "Secure Boot"
    return ""


def unsigned(module: str, info: ModuleInfo, wanted: str) -> str:
    """Return why a kernel that takes signed modules only refuses this one; "" if it may not."""
    if info.signed or not wanted:
        return ""
    return (
        f"{module} is not signed, and {wanted} has the kernel refuse such modules: sign it "
        "(dkms(8): mokutil --import /var/lib/dkms/mok.pub)"
    )


def outdated(path: str, info: ModuleInfo, loaded: str) -> str:
    """Return why an external module may not know what the loaded one has written; "" if it may.

    A pool of ZFS that was upgraded cannot be imported by an older driver. The version of one of
    the kernel's own drivers says nothing.
    """
    external = not path.startswith("kernel/")
    if not external or not loaded or not info.version or _order(info.version) >= _order(loaded):
        return ""
    return f"the image has {info.version}, and {loaded} is loaded now: {AGAIN}"


def _order(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"[0-9]+", version)]


def on_command_line(cmdline: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield (module, parameter, value) of the parameters such as `nvme.poll_queues=2`."""
    for each in parse(cmdline).parameters:
        module, dot, name = each.key.partition(".")
        if dot and name:
            yield canonical(module), canonical(name), each.value


def in_words(words: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Yield (parameter, value) of an `options` line."""
    found: tuple[Parameter, ...] = parse(" ".join(words)).parameters
    for each in found:
        yield canonical(each.key), each.value


def refused(info: ModuleInfo, name: str, value: str | None) -> str:
    """Return the type of a parameter that does not take a value; "" if it does, or if unknown."""
    kind = info.parameters.get(name, "")
    single = kind.removeprefix(ARRAY)
    values = (value or "").split(",") if kind.startswith(ARRAY) else [value]
    if single in SWITCHES:
        good = all(not each or YES_OR_NO.match(each) for each in values)
    elif single in NUMBERS:
        good = all(_is_number(each, *NUMBERS[single]) for each in values)
    else:
        return ""
    return "" if good else kind


def _is_number(text: str | None, bits: int, signed: bool) -> bool:
    found = NUMBER.fullmatch(text or "")
    if found is None or (found[1] and not signed):
        return False
    digits = found[2]
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and digits != "0" else 10
    number = int(digits, base)
    return number < 1 << bits if not signed else number <= 1 << (bits - 1)
