"""Files: the data shipped with the program, the data an installation stores, and safe writing."""

from __future__ import annotations

import os
import stat
import sys
import uuid
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = (PACKAGE / "data").is_dir()  # in a wheel data/ lies inside the package, in a source tree beside it
writing: set[Path] = set()  # files being written at this moment
DATA = (PACKAGE if INSTALLED else PACKAGE.parent) / "data"
PROTOCOL_DIR = Path(os.environ.get("LIBRA_PROTOCOL_DIR", DATA))


def protocols() -> dict[str, Path]:
    """The available protocols, name -> file: every *.toml of PROTOCOL_DIR."""
    return {path.stem: path for path in sorted(PROTOCOL_DIR.glob("*.toml"))}


def home() -> Path:
    """Where kernels, records and answers are kept: LIBRA_HOME; or else data/local of a source tree, and the user's own
    folder for data when the program was installed."""
    if named := os.environ.get("LIBRA_HOME"):
        return Path(named)
    if not INSTALLED:
        return DATA / "local"
    variable, usual = {
        "win32": ("LOCALAPPDATA", "~/AppData/Local"),
        "darwin": ("", "~/Library/Application Support"),
    }.get(sys.platform, ("XDG_DATA_HOME", "~/.local/share"))
    return Path(os.environ.get(variable) or os.path.expanduser(usual)) / "libra"


def check_writable(path: Path) -> None:
    """Raise ValueError with a sentence if `write` could not write there; call it before the work starts."""
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    needed = [path] if _is_device(path) else [path.parent, *([path] if path.exists() else [])]
    if not all(os.access(place, os.W_OK) for place in needed):
        raise ValueError(f"cannot write {path}: permission denied")


def write(path: Path, content: bytes | memoryview) -> None:
    """Replace a file as a whole, with the mode of the old one: a reader, a full disk and a program that is stopped
    find the old file or the new one, never half of one. A link is followed; a device or a pipe is written to.

    Raises OSError with a sentence.
    """
    try:
        if _is_device(path):
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error


def _is_device(path: Path) -> bool:
    """/dev/stdout may be redirected to a file that already holds what was printed before."""
    return path.is_relative_to("/dev") or (path.exists() and not path.is_file())


def _replace(path: Path, content: bytes | memoryview) -> None:
    partial = path.with_name(f".{uuid.uuid4().hex}.part")
    writing.add(partial)
    try:
        with open(partial, "xb") as file:
            if path.exists():
                partial.chmod(stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        writing.discard(partial)
