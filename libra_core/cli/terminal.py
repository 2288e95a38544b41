"""Output to terminals that are closed, full, or lack some characters."""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from libra_core import files

PLAIN = str.maketrans({"−": "-", "–": "-", "—": "-", "→": "->", "≥": ">=", "≤": "<=", "×": "x", "·": ".", "’": "'"})


STOPPED = "Stopped; nothing was written."


@contextmanager
def prepared() -> Iterator[None]:
    """Make every sentence printable, and let Ctrl-C end the program. Raises OSError before the work if the output is
    closed, and after it if not everything could be printed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- as long as the program
    if sys.stdout is None:
        silence(None)
        raise OSError("there is nowhere to print to: the standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    usual = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, usual)
        sys.stdout.flush()


def _stop(*_: object) -> None:
    """End at once: a KeyboardInterrupt may be swallowed by an import or a compiler, and would wait for threads. Only a
    file being written needs it, to clean up."""
    if files.writing:
        raise KeyboardInterrupt
    os.write(2, f"\n{STOPPED}\n".encode())
    os._exit(130)


def silence(stream: TextIO | None) -> None:
    """Discard all further output, so that the end of the program does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1 if stream is None else stream.fileno())


def sentence(error: Exception) -> str:
    """The error as a sentence, without the numbers of system errors."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EBADF, errno.EFBIG, errno.EIO):  # without a file's name: the output's own
        silence(sys.stdout)
        return f"cannot print the result: {error.strerror}"
    return error.strerror


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the terminal lacks: a minus must never become a question mark."""
    assert isinstance(error, UnicodeEncodeError)
    text = unicodedata.normalize("NFKD", error.object[error.start : error.end].translate(PLAIN))
    return text.encode(error.encoding, "ignore").decode(error.encoding) or "?", error.end


codecs.register_error("plain", _plain)
