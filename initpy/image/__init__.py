"""Builds, checks and inspects initramfs images.

The sub-packages are floors: a module imports only from its own floor or from a lower one.

    inspect   lists what an image contains, compares two images, tells why a file is in one
    build     assembles, tries, writes, installs and signs an image
    check     proves whether an image boots a given root
    stack     describes the layers below a root, and what a host-only image needs for them
    content   chooses Python modules, programs, udev rules, job files and configuration
    kernel    reads a kernel's modules, firmware and configuration, and selects from them
    formats   reads and writes file formats: cpio, ELF, PE, compressed streams, kmod indexes
    (ground)  the modules beside this file: tree, process, scratch, missing, hashing, status
"""
