"""Settings in the making: what each parameter leaves for the end of the command line."""

from typing import TYPE_CHECKING, Any

from initpy.config import lvm
from initpy.config.commandline import Parameter
from initpy.config.declared import NOTHING, Declared
from initpy.config.errors import InputError
from initpy.config.resume import Wish
from initpy.config.volumes import Volumes
from initpy.core.layer import Layer
from initpy.core.settings import Emergency, Settings
from initpy.core.slots import dataclass, field

if TYPE_CHECKING:
    from initpy.config import overlay


@dataclass(slots=True)
class Draft:
    """Settings in the making: the parameters refine them one by one, the last one wins."""

    settings: Settings
    declared: Declared = NOTHING  # by job files
    problems: list[InputError] = field(default_factory=list)
    volumes: Volumes = field(default_factory=Volumes)
    groups: lvm.Names = field(default_factory=lvm.Names)
    resume: Wish = field(default_factory=Wish)
    overlay: "overlay.Wish | None" = None
    refused: dict[str, str] = field(default_factory=dict)  # parameter -> why root is left alone
    named: dict[Layer, set[str]] = field(default_factory=dict)
    enabled: dict[Layer, bool] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)  # parameter -> seconds
    root_given: bool = False
    root_word: Parameter | None = None  # the last root=
    unread_root: InputError | None = None  # what is wrong with it, if it is a device
    instead: list[Parameter] = field(default_factory=list)  # they name root if nothing else does
    named_elsewhere: InputError | None = None  # by a parameter of others that is not supported
    network: list[Parameter] = field(default_factory=list)  # of `config.network`
    boots_pool: bool = False  # boot=zfs: without root=, it is what a pool names
    elsewhere: bool = False  # the root is no block device that is known now
    usr: dict[str, Parameter] = field(default_factory=dict)  # mount.usr= and its companions
    image: dict[str, Parameter] = field(default_factory=dict)  # loop= and its companions
    flags: dict[str, list[Parameter]] = field(default_factory=dict)  # lists of mount options
    writable: bool | None = None  # `ro` or `rw`
    auto: bool = True  # what is not named is assembled, too
    verified: bool = True  # what systemd's generator for dm-verity reads is not switched off
    policy: Parameter | None = None  # what root may be that is found by its partition type
    gpt_auto: bool = True  # without root= a partition may say that it is
    told: bool = False  # `rd.info`: `quiet` does not count
    panic: int | None = None
    check: dict[str, str] = field(default_factory=dict)  # of file systems: mode, repair
    emergency: Emergency | None = None
    recovery: bool = False

    def set(self, **changes: Any) -> None:
        self.settings = self.settings._replace(**changes)

    def mount(self, **changes: Any) -> None:
        self.set(mount=self.settings.mount._replace(**changes))

    def name(self, layer: Layer, name: str) -> None:
        self.named.setdefault(layer, set()).add(name)

    def take_declared(self, parameter: Parameter, key: str) -> bool:
        """Take a parameter that a job file declares; False if none does."""
        chosen = self.settings
        if (name := self.declared.on.get(key)) is not None:
            others = chosen.switched_on - {name}
            self.set(switched_on=others | {name} if parameter.flag() else others)
        elif (name := self.declared.off.get(key)) is not None:
            self.set(switched_off=chosen.switched_off | {name})  # where it is no flag, too
            if parameter.flag():
                self.set(switched_off=chosen.switched_off - {name})
        elif (name := self.declared.seconds.get(key)) is not None:
            self.set(patience={**chosen.patience, name: parameter.seconds()})
        else:
            return key in self.declared.instead
        return True
