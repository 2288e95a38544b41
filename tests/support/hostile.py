"""Words that a page must draw as text. Each holds MARK, so that it is found again wherever it went."""

from __future__ import annotations

import re

MARK = "zqx"
HOME = "http://127.0.0.1:9/zqx.png"  # a test of the browser puts its own server's address in place of this

HOSTILE = (
    f"![{MARK}]({HOME})",
    f'<img src="{HOME}">',
    f"[{MARK}](javascript:alert(1))",
    f":material/home: {MARK} :red[{MARK}] :smile: :streamlit:",
    f"$x^2_{MARK}$ `{MARK}` **{MARK}**",
    f"{MARK}\n# heading\n- {MARK}\n===",
    f"{HOME} www.{MARK}.example me@{MARK}.example <a href='{HOME}'>{MARK}</a>",
    f'" onerror="x" {MARK} | {MARK} &lt;b&gt;{MARK}',
)

# What is left to read as an image, a link, markup, a formula, an icon or a colour.
FETCH = re.compile(
    r"""(?<!\\)(?:\\\\)*(?:!\[|\]\(|<(?:img|a)\b|\$x|`zqx|\*\*zqx\*\*|:red\[|:smile:|:streamlit:)
    |:material/home|https?\\?:/|www\\?\.zqx|me@zqx|^\#\ heading|\n\ *(?:\#|===)""",
    re.VERBOSE,
)
