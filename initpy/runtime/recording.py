"""Write the small files that the core records below /run, each as a whole or not at all."""

import os

from initpy.core.actions import Record

SECRET_MODE = 0o600  # of files that hold a secret


def record(action: Record) -> str:
    """Write a file; return what prevented it, "" for nothing."""
    path = f"{action.folder}/{action.name}"
    try:
        os.makedirs(action.folder, exist_ok=True)
        with open(f"{path}.new", "wb") as file:
            secret = action.secret
            os.chmod(file.fileno(), action.mode if secret is None else SECRET_MODE)
            file.write(action.text.encode() if secret is None else secret.reveal())
        os.rename(f"{path}.new", path)
    except OSError as error:
        return f"cannot write {path}: {error.strerror}"
    return ""
