"""Linux software RAID: what mdadm and the kernel say of arrays, and what follows.

Members are added, and arrays stopped, by the jobs of jobs/md.toml, which call mdadm.
"""
