"""The search path of everything that PID 1 and the engine start.

The kernel gives /init none, and execvp(3) without one looks in /bin and /usr/bin alone.
"""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
