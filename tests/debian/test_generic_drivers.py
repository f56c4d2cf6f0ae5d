"""The generic image boots every machine that the peers' generic images of the same system boot.

Each generator builds its generic image here, for the same kernel; `initpy diff` judges what ours
lacks. The peers' systems and images stay in the cache.
"""

import os

import pytest

from initpy.image.formats.archive import Archive, read_archive
from initpy.image.inspect.difference import compare
from initpy.image.inspect.meaning import Meaning, Sides, meanings
from initpy.image.inspect.survey import survey
from initpy.image.kernel.roles import Weight
from initpy.lab.contenders import peer_image
from initpy.lab.images import image_under_test
from initpy.lab.kernels import lab_kernel
from initpy.lab.peers import DRACUT_WITH_NETWORK, INITRAMFS_TOOLS, Peer

pytestmark = [
    pytest.mark.slow,  # minutes, and a gigabyte from the network when it runs first
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can create the peers' systems"),
]

HARMLESS = Weight.NOTE


def losses(first: Archive, second: Archive) -> list[Meaning]:
    """Return what a boot with the second image lacks."""
    sides = Sides(first, second, survey(first), survey(second))
    found = meanings(sides, compare(first, second))
    return [each for each in found if each.weight is not HARMLESS]


@pytest.mark.parametrize("peer", [INITRAMFS_TOOLS, DRACUT_WITH_NETWORK], ids=lambda p: p.name)
def test_no_peer_boots_a_machine_that_ours_does_not(peer: Peer) -> None:
    kernel = lab_kernel()
    ours = read_archive(image_under_test(kernel, print))
    assert losses(read_archive(peer_image(peer, kernel, print)), ours) == []


def test_a_driver_less_is_a_loss() -> None:
    kernel = lab_kernel()
    ours = read_archive(image_under_test(kernel, print))
    less = read_archive(image_under_test(kernel, print))
    gone = next(
        path for path in less.entries if path.rpartition("/")[2].startswith("megaraid_sas.")
    )
    del less.entries[gone]
    assert any("megaraid_sas" in each.text for each in losses(ours, less))
