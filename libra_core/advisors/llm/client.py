"""Send one question to any server with a chat completions API; failures are values, not exceptions.

Response formats, strictest first: json_schema, json_object, text. A 400 or 422 moves to the next format, or drops the
parameter that it names. What worked is kept for the life of the client. Only the SDK retries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx2
import openai

from libra_core.advisors.base import Status
from libra_core.advisors.llm.budget import NotSent, Tab
from libra_core.advisors.llm.prompt import Messages
from libra_core.advisors.llm.settings import LLMSettings

ResponseFormat = Literal["json_schema", "json_object", "text"]
FORMATS: tuple[ResponseFormat, ...] = ("json_schema", "json_object", "text")

MAX_BODY = 1_000_000  # bytes of one reply; an answer has a few hundred
MAX_TOKENS = 10_000_000  # of one request, as a server reports them; more, or fewer than none, is no report
MAX_STEPS = 6  # requests to find what a server accepts: two formats, two parameters, and one to spare
AT_ONCE = 16  # requests in flight; more would wait in the pool and run into their own timeouts


@dataclass(frozen=True)
class Reply:
    """A reply. Tokens are None when the server does not report them."""

    text: str
    refused: bool
    truncated: bool
    model: str
    response_format: ResponseFormat
    request_id: str
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True)
class Failure:
    """Why there is no usable reply. `final`: asking again in this session is pointless (the quota is spent)."""

    status: Status
    message: str
    response_format: ResponseFormat = "json_schema"
    final: bool = False


@dataclass(frozen=True)
class Dialect:
    """What a server accepts."""

    response_format: ResponseFormat = "json_schema"
    temperature: bool = True
    token_limit: str = "max_tokens"

    def adapt(self, complaint: str) -> Dialect | None:
        """The dialect to try after a 400 or 422; None when there is nothing left to drop."""
        complaint = complaint.lower()
        if "max_completion_tokens" in complaint and self.token_limit == "max_tokens":
            return replace(self, token_limit="max_completion_tokens")
        if "temperature" in complaint and self.temperature:
            return replace(self, temperature=False)
        step = FORMATS.index(self.response_format) + 1
        return replace(self, response_format=FORMATS[step]) if step < len(FORMATS) else None


class ReplyTooLong(httpx2.TransportError):
    """The body passed MAX_BODY."""


class ReplyCompressed(httpx2.TransportError):
    """The body is compressed although none was asked for: what it would unpack to has no bound."""


class Client:
    """Thread-safe. `http` lets tests pass their own httpx2.Client."""

    def __init__(self, settings: LLMSettings, http: httpx2.Client | None = None) -> None:
        self.settings = settings.validate()
        self.dialect = Dialect()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._asking = threading.local()  # the tab of the question that this thread asks
        http = http or _http(settings)
        http.event_hooks["request"].append(self._leaves)
        http.event_hooks["response"].append(self._answered)
        # The SDK requires a key; local servers ignore it.
        key = settings.api_key.get_secret_value() or "none"
        self._sdk = openai.OpenAI(
            api_key=key,
            base_url=settings.base_url,
            max_retries=settings.max_retries,
            http_client=http,
        )

    def close(self) -> None:
        self._sdk.close()

    def ask(self, messages: Messages, schema: dict[str, Any], max_tokens: int, tab: Tab) -> Reply | Failure:
        """One reply to the messages, in the strictest format that this server accepts. Every request is on the tab."""
        with self._slots:
            self._asking.tab = tab
            dialect: Dialect | None = self.dialect
            result: Reply | Failure = Failure("bad_request", "The server accepts no form of the question.")
            for _ in range(MAX_STEPS):
                if dialect is None:
                    break
                try:
                    completion = self._sdk.chat.completions.create(**self._body(dialect, messages, schema, max_tokens))
                    result = _read(completion, dialect.response_format)
                except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                    result = replace(_failure(error), response_format=dialect.response_format)
                    if result.status == "refused":
                        return result
                    dialect = dialect.adapt(f"{error.param} {error.message}")
                    continue
                except NotSent as error:
                    return Failure("budget", str(error), dialect.response_format)
                except Exception as error:  # the SDK also lets json and pydantic errors through
                    return replace(_failure(error), response_format=dialect.response_format)
                self.dialect = dialect
                if isinstance(result, Reply):
                    tab.settle(result.tokens_in, result.tokens_out)
                return result
            return result

    def _leaves(self, _: httpx2.Request) -> None:
        self._asking.tab.leave()

    def _answered(self, response: httpx2.Response) -> None:
        if 400 <= response.status_code < 500:  # rejected, so not charged for; a lost reply may have been
            self._asking.tab.settle(0, 0)

    def request_body(self, messages: Messages, schema: dict[str, Any], max_tokens: int) -> dict[str, Any]:
        """The body as it would be sent now; what the Batch API export writes."""
        return self._body(self.dialect, messages, schema, max_tokens)

    def _body(self, dialect: Dialect, messages: Messages, schema: dict[str, Any], max_tokens: int) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.settings.model, "messages": messages, dialect.token_limit: max_tokens}
        if dialect.temperature:
            body["temperature"] = self.settings.temperature
        if dialect.response_format == "json_schema":
            wanted = {"name": "advice", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif dialect.response_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body


def _read(completion: Any, response_format: ResponseFormat) -> Reply | Failure:
    """Read a completion. A login page with status 200 arrives as a str."""
    choices = getattr(completion, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    if message is None:
        text = "Something answered at this address, but not a language model server."
        return Failure("unavailable", text, response_format)
    usage = getattr(completion, "usage", None)
    finish = choices[0].finish_reason if choices else None
    refused = bool(getattr(message, "refusal", None)) or finish == "content_filter"
    return Reply(
        text=message.content if isinstance(message.content, str) else "",
        refused=refused,
        truncated=finish == "length",
        model=str(getattr(completion, "model", "") or ""),
        response_format=response_format,
        request_id=str(getattr(completion, "_request_id", "") or getattr(completion, "id", "") or ""),
        tokens_in=_tokens(usage, "prompt_tokens"),
        tokens_out=_tokens(usage, "completion_tokens"),
    )


def _tokens(usage: Any, name: str) -> int | None:
    """A reported number of tokens. A server that reports nonsense has reported nothing: the reservation stands."""
    reported = getattr(usage, name, None)
    if not isinstance(reported, int) or isinstance(reported, bool):
        return None
    return reported if 0 <= reported <= MAX_TOKENS else None


def _failure(error: Exception) -> Failure:
    """Every exception as a status and a sentence. Server text stays out: it could quote the question or the key."""
    code = getattr(error, "code", None)
    match error:
        case openai.RateLimitError() if code == "insufficient_quota":
            message = "The account has no quota left; the model is off for this session."
            return Failure("budget", message, final=True)
        case openai.RateLimitError():
            return Failure("rate_limited", "Too many requests for this server: wait a little.")
        case openai.AuthenticationError():
            return Failure("auth", "The server does not accept the API key.")
        case openai.PermissionDeniedError():
            return Failure("auth", "The API key does not give access to this model.")
        case openai.NotFoundError():
            message = "The server does not know this model or address (does the address end in /v1?)."
            return Failure("bad_request", message)
        case openai.BadRequestError() if code == "content_filter":
            return Failure("refused", "The server's content filter declined the question.")
        case openai.APIStatusError() if error.status_code >= 500 or error.status_code in (408, 409):
            return Failure("unavailable", f"The server reports an internal error (HTTP {error.status_code}).")
        case openai.APIStatusError() if 300 <= error.status_code < 400:
            return Failure("unavailable", "The server redirects to another address; enter that address instead.")
        case openai.APIStatusError():
            return Failure("bad_request", f"The server rejects the question (HTTP {error.status_code}).")
        case openai.APITimeoutError():
            return Failure("unavailable", "The server did not answer in time.")
        case openai.APIConnectionError():
            return _connection_failure(error)
    return Failure("unavailable", "The server's reply could not be read.")


def _connection_failure(error: Exception) -> Failure:
    cause, text = error.__cause__, str(error.__cause__).lower()
    if isinstance(cause, ReplyTooLong):
        return Failure("invalid", f"The reply was longer than {MAX_BODY // 1000} kB.")
    if isinstance(cause, ReplyCompressed):
        return Failure("invalid", "The reply was compressed, which was not asked for; it was not unpacked.")
    if "certificate" in text or "ssl" in text or "tls" in text:
        return Failure("unavailable", "No secure connection: the server's certificate or TLS is not accepted.")
    if isinstance(cause, httpx2.ConnectError):
        return Failure("unavailable", "Nothing answers at this address: is the server running?")
    return Failure("unavailable", "The connection was lost.")


def _http(settings: LLMSettings) -> httpx2.Client:
    """Our own HTTP client: no redirects (consent covers one host), no proxy for local servers, bounded replies."""
    return httpx2.Client(
        timeout=httpx2.Timeout(settings.timeout, connect=settings.connect_timeout),
        limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        headers={"accept-encoding": "identity"},
        follow_redirects=False,
        trust_env=not settings.is_local,
        event_hooks={"request": [_start], "response": [lambda response: _bound(response, settings)]},
    )


def _start(request: httpx2.Request) -> None:
    request.extensions["libra_started"] = time.monotonic()


def _bound(response: httpx2.Response, settings: LLMSettings) -> None:
    """Bound a reply in time and size (httpx bounds only the wait between bytes), and stop retries that cannot help."""
    deadline = response.request.extensions.get("libra_started", time.monotonic()) + settings.timeout
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ReplyCompressed("reply compressed")
    response.stream = _Bounded(response.stream, deadline)
    if _wait(response.headers) > settings.patience:
        response.headers["x-should-retry"] = "false"
    if response.status_code == 429:
        response.read()
        if b"insufficient_quota" in response.content:
            response.headers["x-should-retry"] = "false"


def _wait(headers: httpx2.Headers) -> float:
    """The longest pause that the server asks for, in seconds: the SDK obeys milliseconds, seconds and dates."""
    asked = [0.0]
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(ValueError):
            asked.append(float(headers.get(name, "")) * unit)
    with suppress(ValueError, TypeError):
        asked.append(parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    return max(asked)


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: Any, deadline: float) -> None:
        self.stream, self.deadline = stream, deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self.stream:
            size += len(chunk)
            if size > MAX_BODY:
                raise ReplyTooLong("reply too long")
            if time.monotonic() > self.deadline:
                raise httpx2.ReadTimeout("reply too slow")
            yield chunk

    def close(self) -> None:
        self.stream.close()
