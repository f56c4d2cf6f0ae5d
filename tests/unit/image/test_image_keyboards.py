"""A host-only image has the drivers of the machine's keyboards, and the check proves them (R37)."""

from pathlib import Path

import pytest
from fake_modules import make_modules
from fake_system import FakeSystem
from test_image_parameters import encrypted, image

from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.kernel.kmod import read_index
from initpy.image.stack.describe import describe
from initpy.image.stack.hostonly import drivers
from initpy.image.stack.keyboards import keyboards, without_keyboards
from initpy.image.stack.layers import Stack

# As of a USB keyboard; a power button has one bit.
LETTERS = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
PCI = "/sys/devices/pci0000:00/0000:00:1e.3"


def keyboard(system: FakeSystem, path: str, keys: str = LETTERS) -> None:
    node = f"{path}/input/input3"
    system.texts[f"{node}/capabilities/key"] = keys + "\n"
    system.texts[f"{node}/name"] = "Apple SPI Keyboard\n"
    system.links["/sys/class/input/input3"] = node


def macbook(system: FakeSystem) -> FakeSystem:
    """Add the keyboard of a MacBook: applespi on pxa2xx-spi on intel-lpss."""
    system.bus(PCI, "pci", "intel-lpss", "intel_lpss_pci", "pci:v00008086d0000A2E6")
    spi = system.bus(f"{PCI}/pxa2xx-spi.3", "platform", "pxa2xx-spi", "spi_pxa2xx_platform",
                     "platform:pxa2xx-spi")  # fmt: skip
    board = system.bus(f"{spi}/spi_master/spi2/spi-APP000D:00", "spi", "applespi", "applespi",
                       "acpi:APP000D:")  # fmt: skip
    keyboard(system, board)
    return system


def surface(system: FakeSystem) -> FakeSystem:
    """Add the keyboard of a Surface, on the aggregator's bus."""
    port = "/sys/devices/pci0000:00/0000:00:1e.0/serial0/serial0-0"
    system.bus(port, "serial", "surface_serial_hub", "surface_aggregator", "acpi:MSHW0084:")
    hub = system.bus(f"{port}/01:15:02:01:00", "surface_aggregator", "surface_hid", "surface_hid",
                     "ssam:d01c15t02i01f00")  # fmt: skip
    keyboard(system, f"{hub}/0019:045E:09AE.0001")
    return system


def i2c_laptop(system: FakeSystem) -> FakeSystem:
    """Add a keyboard on I2C that tells of keys by a GPIO, as reported of newer laptops."""
    pci = "/sys/devices/pci0000:00/0000:00:15.1"
    system.bus(pci, "pci", "intel-lpss", "intel_lpss_pci", "pci:v00008086d000051E9")
    port = system.bus(f"{pci}/i2c_designware.1", "platform", "i2c_designware",
                      "i2c_designware_platform", "platform:i2c_designware")  # fmt: skip
    board = system.bus(f"{port}/i2c-1/i2c-ASUE140C:00", "i2c", "i2c_hid_acpi", "i2c_hid_acpi",
                       "acpi:ASUE140C:PNP0C50:")  # fmt: skip
    pins = system.bus("/sys/devices/platform/INTC1057:00", "platform", "alderlake-pinctrl",
                      "pinctrl_alderlake", "acpi:INTC1057:")  # fmt: skip
    system.texts[f"{pins}/gpiochip0/uevent"] = ""
    system.links["/sys/bus/gpio/devices/gpiochip0"] = f"{pins}/gpiochip0"
    keyboard(system, f"{board}/0018:04F3:3145.0001")
    return system


def names(system: FakeSystem) -> set[str]:
    found = describe("/", system)
    return {layer.fact("driver") for layer in found.layers if layer.fact("driver")}


def test_the_buses_of_a_keyboard_are_described() -> None:
    assert {"applespi", "pxa2xx-spi", "intel-lpss"} <= names(macbook(encrypted()))
    assert {"surface_hid", "surface_serial_hub"} <= names(surface(encrypted()))
    found = {"i2c_hid_acpi", "i2c_designware", "intel-lpss", "alderlake-pinctrl"}
    assert found <= names(i2c_laptop(encrypted()))
    stack = describe("/", macbook(encrypted()))
    assert Stack.from_json(stack.to_json(), "it") == stack
    assert without_keyboards(stack).layers == describe("/", encrypted()).layers


@pytest.mark.parametrize("keys", ["10000000000000 0", "", "not hex", "e080ffdf01cfffff"])
def test_buttons_are_no_keyboards(keys: str) -> None:
    system = FakeSystem()
    keyboard(system, "/sys/devices/platform/i8042")
    system.texts["/sys/devices/platform/i8042/input/input3/capabilities/key"] = keys
    assert [*keyboards(system)] == []


def test_an_own_image_takes_their_drivers_and_no_other_machine_needs_them(tmp_path: Path) -> None:
    stack = describe("/", macbook(encrypted()))
    wanted = ("applespi", "intel_lpss_pci", "ext4", "virtio_blk", "virtio_pci", "dm_crypt")
    modules = [(f"kernel/{name}.ko", "") for name in wanted]
    index = read_index(make_modules(tmp_path, modules))
    found = drivers(stack, index)
    assert {"applespi", "intel_lpss_pci"} <= {want.what for want in found.wanted}
    # spi-pxa2xx-platform is loaded here and not in that kernel: another keyboard may do.
    assert not [each for each in found.missing if "spi" in each.name]


@pytest.mark.parametrize(
    ("cmdline", "verdict"),
    [("", Verdict.MISSING), (" console=tty0 console=ttyS0,115200", Verdict.WARNING)],
)
def test_a_passphrase_that_nobody_can_type(cmdline: str, verdict: Verdict) -> None:
    stack = describe("/", macbook(encrypted()))
    proof = prove(image(), stack, stack.kernel, modules=Path("/nonexistent"), run=False,
                  cmdline=f"root=UUID=7a0c{cmdline}")  # fmt: skip
    rows = {row.need: row for row in proof.rows if row.layer == "the keyboard"}
    # Their modules are in use here, and the image has none.
    assert rows["keyboard Apple SPI Keyboard"].verdict is Verdict.WARNING
    assert rows["typing a passphrase"].verdict is verdict


@pytest.mark.parametrize("at", ["virtual/misc/uhid", "pci0000:00/usb1/1-1/bluetooth/hci0/hci0:1"])
def test_a_keyboard_at_bluetooth_answers_no_prompt(at: str) -> None:
    """hid-generic drives it, and nothing in the image connects it."""
    system = encrypted()
    board = system.bus(f"/sys/devices/{at}/0005:046D:B342.0001", "hid", "hid-generic", "",
                       "hid:b0005g0001v0000046Dp0000B342")  # fmt: skip
    keyboard(system, board)
    stack = describe("/", system)
    proof = prove(image(), stack, stack.kernel, modules=Path("/nonexistent"), run=False,
                  cmdline="root=UUID=7a0c")  # fmt: skip
    rows = {row.need: row for row in proof.rows if row.layer == "the keyboard"}
    assert rows["keyboard Apple SPI Keyboard"].reason.startswith("it is connected by Bluetooth")
    assert rows["typing a passphrase"].verdict is Verdict.MISSING
