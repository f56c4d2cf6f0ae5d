"""Record what real roots stand on: boots scenarios in QEMU and describes their roots in there.

    .venv/bin/python tests/record_stacks.py [SCENARIO …]

Each boot stops before the real system would start, with the root mounted at /sysroot. A disk with
the Python, the tools and the initpy of this checkout is mounted beside it, and `initpy check
--describe --record` is run from it. The recordings in tests/unit/image/stacks are what the unit
tests describe and prove again. Without names all of them are made anew.
"""

import base64
import gzip
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.build.build import assemble
from initpy.image.build.request import BuildRequest
from initpy.image.content import stage
from initpy.image.content.python import find_interpreter
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.system import Recorded
from initpy.lab.errors import LabError
from initpy.lab.kinds import start
from initpy.lab.machine import machine_folder
from initpy.lab.prepare import Bench, prepare
from initpy.lab.specification import machine_spec
from initpy.scenario.acts import Cue, Person
from initpy.scenario.director import Director, Type
from initpy.scenario.model import MachineKind, Scenario
from initpy.scenario.parse import load_scenario

HERE = Path(__file__).parent
STACKS = HERE / "unit/image/stacks"
SCENARIOS = (
    "lvm-on-luks-on-raid1", "btrfs-raid1-late", "btrfs-nvme", "partuuid-nvme",
    "multipath-path-late", "lvm-thin", "imsm-raid1", "loop-file-on-lvm", "partlabel-usb-luks1",
    "bcache-cache-late", "usr-on-lvm-late", "raid1-old-metadata", "raid1-own-host-degraded",
    "zfs-mirror-late", "net-nvme-tcp", "luks-hmac-sha256", "luks-aegis128",
)  # fmt: skip
PROMPT = re.compile(r"(?s)before the real system.*\(initramfs\) # ")
MOUNT = "mkdir /run/t; mount -t ext4 -o ro /dev/disk/by-id/virtio-tools /run/t && sh /run/t/record"
SCRIPT = b"""#!/bin/sh
for each in dev proc sys run sysroot; do mount --rbind /$each /run/t/$each; done
chroot /run/t /usr/bin/python* -m initpy.cli.record
echo "RECORDED $?"
{ gzip -c /run/recorded.json | base64; echo "@recorded@"; } >/dev/ttyS1
"""
COMMAND = "check --describe --root /sysroot --record /run/recorded.json"


def tools_disk(folder: Path, bench: Bench) -> Path:
    """An ext4 file system with the interpreter, initpy and the programs that describing takes."""
    package = HERE.parent / "initpy"
    interpreter = find_interpreter()
    library = interpreter.library
    program = f"from initpy.cli import main\nraise SystemExit(main({COMMAND.split()!r}))\n"
    (folder / "record.py").write_text(program)
    request = BuildRequest(
        kernel=bench.kernel.version,
        modules=bench.kernel.modules,
        output=folder / "unused",
        jobs=(),
        programs=(str(interpreter.program), "/usr/sbin/dmsetup", "/usr/sbin/blkid"),
        drivers=("loop",),
        files=((library, str(library)), (package, f"{library}/initpy"),
               (folder / "record.py", f"{library}/initpy/cli/record.py")),
        init=SCRIPT,
        python=False,
    )  # fmt: skip
    root = folder / "root"
    root.mkdir()
    stage.write_out(assemble(request).tree, root)
    (root / "init").rename(root / "record")
    file = folder / "tools.img"
    command = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", str(root), str(file), "300M"]
    subprocess.run(command, check=True)
    return file


def record(scenario: Scenario, bench: Bench, tools: Path) -> str:
    """Boot it, and the recorded system's JSON."""
    typed = Person(Cue(when=PROMPT), f"{MOUNT}\n", name="who records")
    scenario = replace(
        scenario, cmdline=f"{scenario.cmdline} rd.break", people=(*scenario.people, typed)
    )
    with machine_folder() as folder:
        spec = machine_spec(scenario, bench, folder)
        drive = f"if=none,id=tools,file={tools},format=raw,readonly=on"
        device = "virtio-blk-pci,drive=tools,serial=tools"
        spec = replace(spec, extra=(*spec.extra, "-drive", drive, "-device", device))
        director = Director(scenario)
        deadline = time.monotonic() + 60 * bench.patience
        with start(spec, folder) as machine:
            while time.monotonic() < deadline:
                if machine.console.listen(0.2) is None:
                    break
                for act in director.advance(machine.console.text, time.monotonic()):
                    if isinstance(act, Type):
                        machine.console.type(act.text)
                    else:
                        machine.plug(act.argument)
                if "@recorded@" in machine.channel:
                    return recording(machine.channel)
            raise LabError(f"{scenario.name}: nothing was recorded\n{machine.console.text[-3000:]}")


def recording(channel: str) -> str:
    """What was sent, without the names of files in sysfs that nobody looks at."""
    words = [line for line in channel.split() if re.fullmatch(r"[A-Za-z0-9+/=]+", line)]
    # Every gzip file of ours begins so; before it the test system may have said something.
    text = "".join("".join(words).partition("H4sI")[1:])
    content = json.loads(gzip.decompress(base64.b64decode(text)))
    whole = json.dumps(content)
    for path, names in content["names"].items():
        if path.startswith("/sys/devices/") and len(names) > 12 and "/nvme-sub" not in path:
            content["names"][path] = [each for each in names if each.startswith("supplier:")]
    text_of = json.dumps(content, indent=1, sort_keys=True) + "\n"
    before, after = (describe("/sysroot", Recorded(each, "it")) for each in (whole, text_of))
    if before != after:
        raise LabError("the recording tells something else once it is made smaller")
    return text_of


def main() -> None:
    names = sys.argv[1:] or SCENARIOS
    scenarios = [load_scenario(HERE / "scenarios" / f"{name}.toml") for name in names]
    bench = prepare(scenarios, None, print, MachineKind.QEMU).of(scenarios[0])
    STACKS.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="initpy-tools-") as folder:
        tools = tools_disk(Path(folder), bench)
        for scenario in scenarios:
            began = time.monotonic()
            text = record(scenario, bench, tools)
            (STACKS / f"{scenario.name}.json").write_text(text)
            stack: Stack = describe("/sysroot", Recorded(text, scenario.name))
            seconds = time.monotonic() - began
            print(
                f"{scenario.name}: {len(stack.layers)} layers, {len(text)} bytes, {seconds:.0f} s"
            )


if __name__ == "__main__":
    main()
