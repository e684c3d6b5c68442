"""The directory that holds the embedded stores' data, owned by one server at a time."""

import fcntl
import os
import tempfile
from pathlib import Path

MAX_SOCKET_PATH = 100  # the kernel's limit is 107 bytes, and 103 on macOS


class StateDirBusy(Exception):
    """Another server works on the directory."""


class StateDir:
    """A locked state directory. The lock ends with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None

    def acquire(self) -> None:
        """Create the directory if need be and take its lock. Raises StateDirBusy."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Root's Postgres runs as another user, who must be able to walk through.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            raise StateDirBusy(
                f"another server (process {owner or 'unknown'}) uses {self.path}; stop it, "
                "or set TOLLGATE_STATE_DIR to another directory"
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def release(self) -> None:
        """Let another server have the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def socket_dir(preferred: Path, longest_name: str) -> Path:
    """A directory for a Unix socket: `preferred`, or a temporary one when that is too long."""
    if len(os.fsencode(preferred / longest_name)) <= MAX_SOCKET_PATH:
        preferred.mkdir(parents=True, exist_ok=True)
        return preferred
    return Path(tempfile.mkdtemp(prefix="tollgate-", dir="/tmp"))
