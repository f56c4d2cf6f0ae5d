"""A description of a root for systems without a visible root; and a fast configuration."""

from initpy.image.stack.layers import Ask, Kind, Layer, Stack

EXT4_ON_VIRTIO = Stack(
    root="/",
    kernel="6.1.0-test",
    machine="x86_64",
    tops=("fs:/",),
    layers=(
        Layer(
            "fs:/",
            Kind.FILESYSTEM,
            "ext4 on /dev/vda",
            on=("block:vda",),
            asks=(Ask(("fs-ext4", "ext4"), "file system ext4"),),
            facts=(("type", "ext4"), ("mounted", "/")),
            properties=(("INITPY_ROLE", "root"),),
        ),
        Layer(
            "block:vda",
            Kind.DISK,
            "/dev/vda",
            on=("bus:virtio0",),
            properties=(("ID_FS_UUID", "7a0c"),),
        ),
        Layer(
            "bus:virtio0",
            Kind.BUS,
            "virtio virtio0",
            asks=(Ask(("virtio:d00000002v00001AF4", "virtio_blk"), "bus virtio", ("virtio_blk",)),),
        ),
    ),
).to_json()

# Short builds: the content of the image does not matter.
QUICK = "level = 1\n"
