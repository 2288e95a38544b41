"""The dashboard: `streamlit run app.py`.

The script itself is pages/router.py. An `st.App` is needed because Streamlit would otherwise take the folder
`pages/` next to this file for its older kind of multipage app, and open a page without the frame around it.
"""

import streamlit as st

app = st.App("pages/router.py")
