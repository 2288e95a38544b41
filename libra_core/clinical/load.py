"""Find and read protocol files. A protocol is one TOML file; an error names its place in one sentence."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from libra_core.clinical.checks import check_protocol
from libra_core.clinical.protocol import Protocol
from libra_core.files import PROTOCOL_DIR, protocols


class ProtocolError(ValueError):
    """A protocol file that cannot be used; the message says where and what to do."""


def load_protocol(path: str | Path, drop: tuple[str, ...] = ()) -> Protocol:
    """Read a protocol file; `drop` switches off context entries, for instance ("black",).

    Raises ProtocolError with a sentence that names the place in the file.
    """
    return _load(Path(path).resolve(), tuple(drop))


def default_protocol(drop: tuple[str, ...] = ()) -> Protocol:
    """The first protocol of PROTOCOL_DIR. Raises ProtocolError when there is none."""
    found = protocols()
    if not found:
        raise ProtocolError(f"no protocol in {PROTOCOL_DIR}: put a .toml file there")
    return load_protocol(next(iter(found.values())), drop)


@lru_cache(maxsize=32)
def _load(path: Path, drop: tuple[str, ...]) -> Protocol:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProtocolError(f"cannot read the protocol {path.name}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{path.name} is not valid TOML: {error}") from error
    if "arrivals" in raw:  # `arrivals` and `limits` are methods of a protocol, so these fields have other names
        raw["arrivals_rule"] = raw.pop("arrivals")
    if "limits" in raw:
        raw["linear_limits"] = raw.pop("limits")
    try:
        protocol = TypeAdapter(Protocol).validate_python({**raw, "dropped": drop, "folder": str(path.parent)})
        check_protocol(protocol)
    except ValidationError as error:
        raise ProtocolError(f"{path.name}: {_sentence(error, raw)}") from error
    except ValueError as error:
        raise ProtocolError(f"{path.name}: {error}") from error
    return protocol


def _sentence(error: ValidationError, raw: dict[str, Any]) -> str:
    """The first three faults as 'features → sbp → range: ...', with names where the file has lists."""
    faults = error.errors()
    listed = "; ".join(_fault(fault["loc"], fault["msg"], raw) for fault in faults[:3])
    return listed + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")


def _fault(location: tuple[int | str, ...], message: str, raw: dict[str, Any]) -> str:
    place: list[str] = []
    here: Any = raw
    for key in location:
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            here = None
        named = isinstance(here, dict) and isinstance(key, int)
        place.append(str(next((here[k] for k in ("name", "code", "feature") if k in here), key)) if named else str(key))
    plain = {"Field required": "is missing", "Unexpected keyword argument": "is not known here"}
    message = message.removeprefix("Value error, ")
    return ": ".join(part for part in (" → ".join(place), plain.get(message, message)) if part)
