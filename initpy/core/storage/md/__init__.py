"""Linux software RAID: what mdadm and the kernel say of arrays, and what follows."""
