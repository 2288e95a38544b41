"""The dashboard: `streamlit run app.py`.

The script itself is pages/router.py. An `st.App` is needed because Streamlit would otherwise take the folder
`pages/` next to this file for its older kind of multipage app, and open a page without the frame around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import streamlit as st


def compile_ahead() -> None:
    from pages.ui.session import loaders  # here: it imports for seconds, and the server answers meanwhile

    loaders.compiler()


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Compile the kernels from the start of the server, beside it."""
    Thread(target=compile_ahead, name="compile ahead", daemon=True).start()
    yield


app = st.App("pages/router.py", lifespan=lifespan)
