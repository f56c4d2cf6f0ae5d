"""What the boot is to reach, in order: root mounted, what belongs below it, the handover."""
