"""The letters of the slides: a font that may be passed on, packed into the file so that it looks alike everywhere."""

from __future__ import annotations

import struct
import subprocess
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from fontTools.ttLib import TTFont
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn

EMBEDDED = "Liberation Sans"  # free to embed, and as wide as Arial, which stands in where it is missing
STAND_IN = "Arial"
MAY_NOT_EMBED = 0x0002  # of OS/2 fsType: "restricted licence"


@lru_cache(maxsize=1)
def files() -> dict[str, Path]:
    """The files of the font on this machine by style; empty where one is missing or forbids being embedded."""
    found = {}
    for style in ("regular", "bold"):
        try:
            asked = ["fc-match", "-f", "%{family}\n%{file}", f"{EMBEDDED}:style={style}"]
            family, path = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")
        except (OSError, subprocess.CalledProcessError, ValueError):
            return {}
        if EMBEDDED not in family.split(",") or TTFont(path)["OS/2"].fsType & MAY_NOT_EMBED:
            return {}
        found[style] = Path(path)
    return found


def family() -> str:
    """The name that the slides ask for."""
    return EMBEDDED if files() else STAND_IN


def embed(deck) -> None:  # type: ignore[no-untyped-def]
    """Pack the font into a presentation of python-pptx, which has no door for it (ECMA-376, part 1, 19.2.1.9)."""
    if not files():
        return
    listed = parse_xml(
        f'<p:embeddedFontLst {nsdecls("p", "a", "r")}><p:embeddedFont><p:font typeface="{EMBEDDED}"/>'
        "</p:embeddedFont></p:embeddedFontLst>"
    )
    for style, path in files().items():
        name = PackURI(f"/ppt/fonts/{style}.fntdata")
        part = Part(name, "application/x-fontdata", deck.part.package, eot(path.read_bytes()))
        entry = parse_xml(f"<p:{style} {nsdecls('p', 'r')}/>")
        entry.set(qn("r:id"), deck.part.relate_to(part, RELATIONSHIP_TYPE.FONT))
        listed[0].append(entry)
    deck.element.find(qn("p:notesSz")).addnext(listed)
    deck.element.set("embedTrueTypeFonts", "1")


def eot(ttf: bytes) -> bytes:
    """A TrueType font as Embedded OpenType, version 0x00020001, neither compressed nor scrambled.

    Source: Nelson (2008), Embedded OpenType (EOT) File Format, W3C member submission, section 4.
    """
    font = TTFont(BytesIO(ttf))
    os2, shape = font["OS/2"], font["OS/2"].panose
    panose = bytes(getattr(shape, field) for field in shape.__dict__)
    ranges = (os2.ulUnicodeRange1, os2.ulUnicodeRange2, os2.ulUnicodeRange3, os2.ulUnicodeRange4)
    pages = (os2.ulCodePageRange1, os2.ulCodePageRange2)
    body = struct.pack("<II", 0x00020001, 0) + panose
    body += struct.pack("<BBIHH", 1, os2.fsSelection & 1, os2.usWeightClass, os2.fsType, 0x504C)
    body += struct.pack("<11I", *ranges, *pages, font["head"].checkSumAdjustment, 0, 0, 0, 0)
    for number in (1, 2, 5, 4):  # family, style, version and full name
        name = (font["name"].getDebugName(number) or "").encode("utf-16-le")
        body += struct.pack("<HH", 0, len(name)) + name
    body += struct.pack("<HH", 0, 0)  # no list of addresses for which alone the font may be used
    return struct.pack("<II", 8 + len(body) + len(ttf), len(ttf)) + body + ttf
