"""A dashboard in a process group of its own, and a client that speaks to it as a browser does, without drawing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEARTBEAT = re.compile(r'data-testid="(\w[\w-]*)" data-value="([^"]*)"')


OURS = (":material/error:", ":material/cloud_off:", ":material/block:")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Server:
    """`streamlit run app.py` on a free port of loopback. kill() is SIGKILL for the whole group."""

    def __init__(self, log: Path, url: str, port: int = 0, options: tuple[str, ...] = ()) -> None:
        self.port = port or free_port()
        self.log = log
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={self.port}"]
        with log.open("a") as out:
            self.process = subprocess.Popen(
                [*command, "--server.address=127.0.0.1", "--server.fileWatcherType=none", *options],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LIBRA_DATABASE_URL": url, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=1) as answer:
                    if answer.read() == b"ok":
                        return
            except OSError:
                time.sleep(0.05)  # between two polls of a port that does not answer yet
        self.kill()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def cpu_ms(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def serving(log: Path, url: str, port: int = 0, options: tuple[str, ...] = ()) -> Iterator[Server]:
    server = Server(log, url, port, options)
    try:
        yield server
    finally:
        server.stop()


@dataclass
class View:
    """What one run of the page sent: widgets by their key, heartbeats, and sentences in red."""

    widgets: dict[str, str] = field(default_factory=dict)
    beats: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    bytes: int = 0
    seconds: float = 0.0

    @property
    def decided(self) -> int:
        return int(self.beats.get("decided", -1))

    def key(self, prefix: str) -> str | None:
        return next((key for key in self.widgets if key.startswith(prefix)), None)


class Client:
    """One browser tab on the Feedback page of one session."""

    def __init__(self, port: int, session: str) -> None:
        self.url = f"ws://127.0.0.1:{port}/_stcore/stream"
        self.origin = f"http://127.0.0.1:{port}"
        self.query = f"session={session}" if session else ""

    async def __aenter__(self) -> Client:
        self.socket = await websockets.connect(self.url, subprotocols=["streamlit"], max_size=None, origin=self.origin)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def send(self, click: str | None = None, times: int = 1) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = "feedback"
        if click is not None:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = click
            state.trigger_value = True
        for _ in range(times):
            await self.socket.send(message.SerializeToString())

    async def view(self) -> View:
        """Read until the run that is going on has finished."""
        found, started = View(), time.perf_counter()
        while True:
            data = await asyncio.wait_for(self.socket.recv(), 180)
            found.bytes += len(data)
            reply = ForwardMsg()
            reply.ParseFromString(data)
            kind = reply.WhichOneof("type")
            if kind == "delta" and reply.delta.HasField("new_element"):
                self._note(found, reply.delta.new_element)
            if kind == "script_finished" and reply.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                found.seconds = time.perf_counter() - started
                return found

    @staticmethod
    def _note(found: View, element: object) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            key = element.button.id.rpartition("-fb_")[2]
            found.widgets[f"fb_{key}"] = element.button.id
        elif kind == "html":
            found.beats |= dict(HEARTBEAT.findall(element.html.body))
        elif kind == "exception":
            found.problems.append(element.exception.message)
        elif kind == "alert" and element.alert.icon in OURS:  # other red boxes are clinical alerts
            found.problems.append(element.alert.body)

    async def open(self) -> View:
        await self.send()
        return await self.view()

    async def click(self, view: View, prefix: str, times: int = 1) -> View:
        """Press the button whose key begins so; several times in a row for an impatient hand."""
        key = view.key(prefix)
        assert key is not None, (prefix, list(view.widgets), view.problems)
        await self.send(view.widgets[key], times)
        return await self.view()
