"""Name the command and environment of the rescue shell. Imports no module that may have failed."""

from initpy.runtime.api import PATH

# setsid -c gives the shell its console as controlling terminal, for job control and Ctrl-C.
COMMAND = ("busybox", "setsid", "-c", "busybox", "sh", "-i")
# The image builder writes it: busybox would prefer its applets to programs of the same name.
ALIASES = "/usr/lib/initpy/shell-aliases"
ENVIRONMENT = {
    "PATH": PATH,
    "PS1": "(initramfs) # ",
    "HOME": "/root",
    "TERM": "linux",
    "ENV": ALIASES,
}
