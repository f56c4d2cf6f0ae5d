"""Runs a machine in QEMU: its command line, its monitor, its end."""

import shlex
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from initpy.lab import shares
from initpy.lab.console import Console, plain
from initpy.lab.errors import LabError
from initpy.lab.machine import Drive, MachineSpec, channel_of
from initpy.lab.monitor import Monitor
from initpy.scenario.model import world_wide_name

QEMU = "qemu-system-x86_64"

# -cpu max has RDRAND under emulation, and virtio-rng feeds the random pool. Without both, Python
# waits a second for random numbers.
# The larger tb-size keeps all translated code; QEMU would flush the default buffer several times.
EMULATED = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max")
VIRTUALISED = ("-accel", "kvm", "-cpu", "host")

# Bus -> options of its controller; bus -> device of a disk on it.
_CONTROLLERS = {
    "virtio": (),
    "nvme": (),
    "scsi": ("-device", "virtio-scsi-pci,id=scsi"),
    "megasas": ("-device", "megasas,id=megasas"),
    "ahci": ("-device", "ich9-ahci,id=ahci"),
    "usb": ("-device", "qemu-xhci,id=usb"),
    "cdrom": ("-device", "ich9-ahci,id=cdrom"),
}
_DRIVERS = {
    "virtio": "virtio-blk-pci",
    "nvme": "nvme",
    "scsi": "scsi-hd",
    "megasas": "scsi-hd",
    "ahci": "ide-hd",
    "usb": "usb-storage",
    "cdrom": "ide-cd",
}


# Skip self-tests of ciphers and hashes, which take seconds under emulation.
NO_CRYPTO_TESTS = "cryptomgr.notests initcall_blacklist=crypto_kdf108_init"


def device(drive: Drive) -> dict[str, object]:
    """Return the arguments of QEMU's device_add for a disk."""
    serial = drive.serial or drive.name
    # multipath(8) needs disks with a world wide name.
    path = {"share-rw": "on", "wwn": str(int(world_wide_name(serial), 16))}
    return {
        "driver": _DRIVERS[drive.bus],
        "id": f"disk-{drive.name}",
        "drive": f"node-{drive.name}",
        "serial": serial,
        **(path if drive.shared else {}),
    }


def command_line(spec: MachineSpec, folder: Path) -> list[str]:
    """Return QEMU's command line; `folder` holds the machine's sockets and the lab channel."""
    words = [
        QEMU, *(spec.accelerator or EMULATED), "-nodefaults", "-no-user-config", "-display", "none",
        *(() if spec.restarts else ("-no-reboot",)), "-smp", str(spec.processors),
        "-m", str(spec.memory), *_start(spec), "-device", "virtio-rng-pci",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-serial", f"file:{folder / 'channel'}",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
    ]  # fmt: skip
    if spec.agent:
        # A separate port: QEMU duplicates characters in the log of a connected socket.
        words += ["-serial", f"unix:{folder / 'orders'},server=on,wait=off"]
    if spec.second:
        words += ["-chardev", f"socket,id=second,path={folder / 'second'},server=on,wait=off"]
        words += ["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=second"]
    for bus in sorted({drive.bus for drive in spec.drives}):
        words += _CONTROLLERS[bus]
    for drive in spec.drives:
        # A -blockdev node outlives its device, unlike -drive, so that an unplugged disk can be
        # plugged in again.
        node = f"node-{drive.name}"
        if drive.rate is not None:
            limit = f"throttle-group,id=limit-{drive.name},x-bps-total={drive.rate}"
            words += ["-object", limit]
            node += "-unlimited"
        words += [
            "-blockdev",
            f"driver=raw,node-name={node},cache.no-flush=on,"
            f"file.driver=file,file.filename={drive.file}"
            + (",file.locking=off" if drive.shared else ""),
        ]
        if drive.rate is not None:
            limited = f"node-name=node-{drive.name},throttle-group=limit-{drive.name},file={node}"
            words += ["-blockdev", f"driver=throttle,{limited}"]
        if drive.present:
            options = ",".join(f"{key}={value}" for key, value in device(drive).items())
            words += ["-device", options.removeprefix("driver=")]
    words += shares.words(spec.shares, folder, spec.memory)
    return [*words, *spec.network.words(folder), *spec.extra]


def _start(spec: MachineSpec) -> list[str]:
    """Return the options for kernel and initrd, or for the firmware."""
    if spec.firmware is None:
        return ["-kernel", str(spec.kernel), "-initrd", str(spec.initrd), "-append", spec.cmdline]
    code, variables = spec.firmware
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,file={variables}"]  # fmt: skip


class Qemu:
    """A running QEMU; a context manager, so that it always ends."""

    def __init__(self, spec: MachineSpec, folder: Path) -> None:
        if shutil.which(QEMU) is None:
            raise LabError(f"{QEMU} is not installed\n  try: make setup")
        self.spec = spec
        self._folder = folder
        self._orders: socket.socket | None = None
        self._second: socket.socket | None = None
        self._heard = bytearray()  # from the second console
        argv = command_line(spec, folder)
        self.command = shlex.join(argv)
        self._shares = shares.ShareServers(spec.shares, folder)
        self._lan = spec.network.start(folder)
        self.console = Console(argv)
        try:
            self._monitor = Monitor(folder / "qmp")
        except LabError as error:
            self.console.listen(0.2)
            self.console.close()
            self._close_lan()
            raise LabError(f"QEMU did not start: {self.console.text.strip() or error}") from error
        try:
            spec.network.begin(self._monitor.execute, folder)
        except LabError:
            self.__exit__(None, None, None)
            raise
        if spec.second:  # connect at once: QEMU drops output without a client
            self._second = socket.socket(socket.AF_UNIX)
            self._second.connect(str(folder / "second"))
            self._second.setblocking(False)

    def __enter__(self) -> "Qemu":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Kill QEMU first: the monitor of a hung machine does not answer.
        self.console.close()
        for each in (self._orders, self._second):
            if each is not None:
                each.close()
        self._monitor.close()
        self._close_lan()

    def _close_lan(self) -> None:
        self._shares.close()
        if self._lan is not None:
            self._lan.close()

    @property
    def servers(self) -> str:
        """Return the output of the servers' machine; "" without one."""
        return "" if self._lan is None else self._lan.servers.said

    @property
    def channel(self) -> str:
        """Return the test system's output on the lab's serial port."""
        return channel_of(self._folder)

    @property
    def second(self) -> str:
        """Return the second console's output so far."""
        if self._second is None:
            return ""
        with suppress(OSError):  # no data now, or the machine has ended
            while heard := self._second.recv(65536):
                self._heard += heard
        return plain(self._heard)

    @property
    def ending(self) -> str:
        """Return why the machine has ended; QEMU's last event may follow the console's end."""
        for _ in range(20):
            for event in self._monitor.events():
                if event.name == "SHUTDOWN":
                    return event.reason
            time.sleep(0.1)
        return f"ended without a reported reason, {self.console.end}"

    def type_second(self, text: str) -> None:
        """Type at the second console."""
        if self._second is not None:
            self._second.sendall(text.encode())

    def plug(self, name: str) -> None:
        """Plug in a disk that the specification names."""
        drive = next(drive for drive in self.spec.drives if drive.name == name)
        self._monitor.execute("device_add", device(drive))

    def unplug(self, name: str) -> None:
        """Unplug a disk; the guest takes a moment to release it."""
        self._monitor.execute("device_del", {"id": f"disk-{name}"})

    def carrier(self, name: str, on: bool) -> None:
        """Plug in or unplug the cable of a network card."""
        self.spec.network.carrier(self._monitor.execute, name, on)

    def serve(self, name: str, on: bool) -> None:
        """Start or stop a storage server."""
        if self._lan is not None:
            self._lan.servers.serve(name, on)
        elif on:
            self.spec.network.serve(self._monitor.execute, self._folder, name)
        else:
            self.spec.network.end(self._monitor.execute)

    def ctrl_alt_del(self) -> None:
        """Press Ctrl-Alt-Del on the machine's keyboard."""
        self.press("ctrl", "alt", "delete")

    def press(self, *keys: str) -> None:
        """Press keys of the machine's keyboard at once, by QEMU's names (QKeyCode)."""
        names = [{"type": "qcode", "data": key} for key in keys]
        self._monitor.execute("send-key", {"keys": names})

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Send SysRq keys, each after a break on the console (admin-guide/sysrq.rst)."""
        for key in keys:
            self._monitor.execute("chardev-send-break", {"id": "console"})
            self.console.type(key)
            while self.console.listen(silence):
                pass

    def order(self, line: str) -> None:
        """Send one line to the lab's agent in the guest."""
        if self._orders is None:
            self._orders = socket.socket(socket.AF_UNIX)
            self._orders.connect(str(self._folder / "orders"))
        # Keep the connection: QEMU reads a few bytes at a time, and drops the rest on its end.
        self._orders.sendall(line.encode() + b"\n")
