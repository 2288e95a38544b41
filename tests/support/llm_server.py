"""A real HTTP server on loopback that speaks /v1/chat/completions, well or badly.

The model named in the request says how it behaves ("fault:401", "fault:slow", ...), so one server serves many tests at
once. Every byte that comes in is kept in `received`.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.hostile import HOSTILE

BOMB = gzip.compress(bytes(50_000_000))  # 50 kB that unpack to 50 MB
SLOW = 1.2  # seconds a slow server takes; tests use shorter timeouts

KEY = "sk-very-secret-0123456789"


class LLMServer:
    """Use as a context manager. `received` holds (head, body) as bytes of every request, in order of arrival."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, bytes]] = []
        self.seen: Counter[str] = Counter()
        self.words = list(HOSTILE)  # what "fault:hostile" says
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()
        server = self

        class Handler(_Handler):
            owner = server

        self.http = _Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return self.http.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> LLMServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    owner: LLMServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(body)
        with self.owner.lock:
            head = f"{self.requestline}\r\n{self.headers}".encode()
            self.owner.received.append((head, body))
            self.owner.seen[asked["model"]] += 1
            self.owner.in_flight += 1
            self.owner.most_in_flight = max(self.owner.most_in_flight, self.owner.in_flight)
        try:
            behave(self, asked, self.owner.seen[asked["model"]])
        finally:
            with self.owner.lock:
                self.owner.in_flight -= 1

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status: int, value: Any, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), **headers)

    def error(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        error = {"message": message, "type": "error", "param": None, "code": code}
        self.send_json(status, {"error": error}, **headers)

    def say(
        self,
        content: str | None,
        finish: str = "stop",
        refusal: str | None = None,
        tokens: object = 900,
        model: str = "served-model",
    ) -> None:
        message = {"role": "assistant", "content": content, "refusal": refusal}
        self.send_json(
            200,
            {
                "id": "chatcmpl-test",
                "object": "chat.completion",
                "created": 1,
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
                "usage": {"prompt_tokens": tokens, "completion_tokens": 60, "total_tokens": 960},
            },
            x_request_id="req-test",
        )


def schema_of(asked: dict[str, Any]) -> dict[str, Any]:
    """The schema as the prompt carries it in every response format."""
    return json.loads(asked["messages"][1]["content"].rsplit("JSON schema:\n", 1)[1])


def good_answer(asked: dict[str, Any]) -> dict[str, Any]:
    """The first treatment in alphabetical order and one changed habit: the same answer whatever the menu's order."""
    properties = schema_of(asked)["properties"]
    changes = dict.fromkeys(properties["changes"]["properties"], "keep")
    for name in sorted(changes)[:1]:
        changes[name] = sorted(properties["changes"]["properties"][name]["enum"])[0]
    arms = [arm for arm in sorted(properties["arm"]["enum"]) if arm != "lifestyle"] or ["lifestyle"]
    return {"rationale": "A test server says so.", "arm": arms[0], "changes": changes}


def behave(handler: _Handler, asked: dict[str, Any], nth: int) -> None:
    """Answer one request in the way its model's name asks for; `nth` counts the requests of that name."""
    mode = asked["model"].removeprefix("fault:").split("#")[0]
    wanted = asked.get("response_format", {}).get("type", "text")
    if mode.isdigit():
        handler.error(int(mode), f"error {mode}")
    elif mode in _STATUS:
        _STATUS[mode](handler, asked, wanted, nth)
    elif mode in _CONTENT:
        _CONTENT[mode](handler, good_answer(asked))
    elif '"word"' in asked["messages"][0]["content"]:
        handler.say('{"word": "ready"}')
    elif mode == "first":  # always the first treatment on the menu: pure order bias
        answer = good_answer(asked) | {"arm": schema_of(asked)["properties"]["arm"]["enum"][0]}
        handler.say(json.dumps(answer))
    else:
        handler.say(json.dumps(good_answer(asked)))


# Faults of the transport and of the protocol -------------------------------------------------------------------------


def _no_schema(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    if wanted == "json_schema":
        handler.error(400, "response_format json_schema is not supported")
    else:
        handler.say(json.dumps(good_answer(asked)))


def _no_json(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    if wanted != "text":
        handler.error(400, "'response_format.type' must be 'text'")
    else:
        handler.say("Here you are: " + json.dumps(good_answer(asked)))


def _no_temperature(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    if "temperature" in asked:
        handler.error(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    elif "max_tokens" in asked:
        handler.error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    else:
        handler.say(json.dumps(good_answer(asked)))


def _unprocessable(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    if wanted == "json_schema":
        handler.send_json(422, {"detail": [{"loc": ["body", "response_format"], "msg": "extra fields"}]})
    else:
        handler.say(json.dumps(good_answer(asked)))


def _busy_once(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    if nth == 1:
        handler.error(429, "Rate limit reached", "rate_limit_exceeded", Retry_After="0.05")
    else:
        handler.say(json.dumps(good_answer(asked)))


def _quota(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    handler.error(429, "You exceeded your current quota", "insufficient_quota")


def _slow(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    time.sleep(SLOW)
    handler.close_connection = True


def _drip(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    """One byte at a time, each within the read timeout: only a limit on the whole reply ends it."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(int(SLOW / 0.05)):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)
    handler.close_connection = True


def _cut(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "chatcmpl')
    handler.close_connection = True


def _grow(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    """Cut off until there is more room."""
    room = asked.get("max_tokens", 0)
    handler.say(json.dumps(good_answer(asked))[: 40 if room < 1000 else None], "length" if room < 1000 else "stop")


def _mend(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    """Nonsense first; a good answer once it was told what was wrong."""
    told = any("could not be used" in m["content"] for m in asked["messages"])
    handler.say(json.dumps(good_answer(asked)) if told else "I would choose a tablet.")


def _hostile(handler: _Handler, asked: dict[str, Any]) -> None:
    """Its name and its rationale would fetch an image if they were read as markup."""
    ready = '"word"' in asked["messages"][0]["content"]
    answer = {"word": "ready"} if ready else good_answer(asked) | {"rationale": " ".join(handler.owner.words)}
    handler.say(json.dumps(answer), model=handler.owner.words[0])


def _too_many(handler: _Handler, asked: dict[str, Any], wanted: str, nth: int) -> None:
    """Every habit is moved, each by a step that is on offer."""
    offered = schema_of(asked)["properties"]["changes"]["properties"]
    changes = {name: max(code for code in each["enum"] if code != "keep") for name, each in offered.items()}
    handler.say(json.dumps(good_answer(asked) | {"changes": changes}))


_STATUS = {
    "no-schema": _no_schema,
    "no-json": _no_json,
    "no-temperature": _no_temperature,
    "422-schema": _unprocessable,
    "busy-once": _busy_once,
    "busy-wait": lambda h, a, w, n: h.error(429, "Rate limit", "rate_limit_exceeded", Retry_After="100"),
    "busy-ms": lambda h, a, w, n: h.error(429, "Rate limit", "rate_limit_exceeded", Retry_After_Ms="50000"),
    "busy-date": lambda h, a, w, n: h.error(503, "Down", Retry_After=formatdate(time.time() + 50, usegmt=True)),
    "bomb": lambda h, a, w, n: h.send(200, BOMB, Content_Encoding="gzip"),
    "negative-usage": lambda h, a, w, n: h.say(json.dumps(good_answer(a)), tokens=-(10**9)),
    "absurd-usage": lambda h, a, w, n: h.say(json.dumps(good_answer(a)), tokens=10**15),
    "quota": _quota,
    "slow": _slow,
    "drip": _drip,
    "cut": _cut,
    "redirect": lambda h, a, w, n: h.send(307, b"", Location="http://example.invalid/v1/chat/completions"),
    "hostile": lambda h, a, w, n: _hostile(h, a),
    "html": lambda h, a, w, n: h.send(200, b"<html><body>Please log in</body></html>", "text/html"),
    "empty-body": lambda h, a, w, n: h.send(200, b""),
    "not-json": lambda h, a, w, n: h.send(200, b'{"choices": [', "application/json"),
    "no-choices": lambda h, a, w, n: h.send_json(200, {"id": "x", "object": "chat.completion", "choices": []}),
    "filter": lambda h, a, w, n: h.error(400, "filtered", "content_filter"),
    "huge-body": lambda h, a, w, n: h.say("x" * 3_000_000),
    "grow": _grow,
    "mend": _mend,
    "too-many": _too_many,
}

# Faults of the content -----------------------------------------------------------------------------------------------

_CONTENT = {
    "empty": lambda h, answer: h.say(""),
    "null": lambda h, answer: h.say(None),
    "truncated": lambda h, answer: h.say(json.dumps(answer)[:40], "length"),
    "broken": lambda h, answer: h.say(json.dumps(answer)[:-5]),
    "wrong-schema": lambda h, answer: h.say(json.dumps({"treatment": "tablets", "arm": 7, "changes": []})),
    "unknown-arm": lambda h, answer: h.say(json.dumps(answer | {"arm": "leeches"})),
    "contraindicated": lambda h, answer: h.say(json.dumps(answer | {"arm": "thiazide"})),
    "infeasible": lambda h, answer: h.say(
        json.dumps(answer | {"changes": answer["changes"] | {"sodium_mg_day": "-5000"}})
    ),
    "refusal": lambda h, answer: h.say(None, refusal="I cannot help with medical questions."),
    "filtered": lambda h, answer: h.say("", "content_filter"),
    "think": lambda h, answer: h.say(
        f'<think>Maybe {{"arm": "leeches"}}? No.</think>\nSure!\n```json\n{json.dumps(answer)}\n```\nGood draws {{}}.'
    ),
    "long": lambda h, answer: h.say(json.dumps(answer | {"rationale": "very long " * 20_000})),
    "markup": lambda h, answer: h.say(json.dumps(answer | {"rationale": "<script>alert(1)</script> =1+1 \x1b[31m"})),
}


__all__ = ["SLOW", "LLMServer", "good_answer", "schema_of"]
