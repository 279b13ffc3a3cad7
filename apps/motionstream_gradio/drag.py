"""The Drag tab: press on a thing in the picture and move it."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.settings_row import settings_row

LEAD = "Choose a picture, press Start, then drag a thing in it."

_ON_THE_STAGE = ("radius", "spacing")
"""Settings that have a slider beside the video."""


def drag_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=True, login=login)
    settings_row(provider, skip=_ON_THE_STAGE, pointers=True)
    return view
