"""The way back at shutdown: systemd-shutdown runs it as process 1 from /run/initramfs (R21).

See docs/INITRD_INTERFACE.md of systemd. Standard library only, and little of it: the files that
these modules need stay in memory while the real system runs (`keep`).
"""
