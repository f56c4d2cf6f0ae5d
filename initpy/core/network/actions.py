"""What the boot wants done with the network."""

from typing import NamedTuple

from initpy.core.network.values import LinkConfig, Request


class SwitchLink(NamedTuple):
    """Set a link up or down. Shows as a change of the link, as its carrier does."""

    link: str
    up: bool


class RenameLink(NamedTuple):
    """Give a link another name. Shows as a link that goes and another one that comes."""

    link: str
    name: str


class SendDhcp(NamedTuple):
    """Send a message to the DHCP servers of a link, and hear them from now on.

    Answers are `DhcpReceived`, or `DhcpMalformed`.
    """

    link: str
    request: Request


class StopDhcp(NamedTuple):
    """Hear no DHCP server on this link any more."""

    link: str


class Configure(NamedTuple):
    """Give a link just this. Answered by `LinkConfigured`; one that is so already, too."""

    link: str
    number: int
    config: LinkConfig


class Resolve(NamedTuple):
    """Find the address of a host; answered by `Resolved`."""

    host: str


NetworkAction = SwitchLink | RenameLink | SendDhcp | StopDhcp | Configure | Resolve
