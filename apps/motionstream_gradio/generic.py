"""The tab of any source of motion: its settings are all there is to it, and their schema makes the controls."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.settings_row import settings_row

LEAD = "Choose a picture and press Start; the settings below say how it moves."


def generic_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=False, login=login)
    settings_row(provider, motion_open=True)
    return view
