"""The Recordings tab: what was recorded on this server, to watch and to take home."""

from __future__ import annotations

import gradio as gr

from motionstream_gradio.live_view import recordings_view


def gallery_tab(login: bool) -> gr.HTML:
    """Fill the tab."""
    return recordings_view(login=login)
