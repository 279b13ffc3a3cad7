"""The Drag tab: press on a thing in the picture and move it."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.motion_settings import motion_settings
from motionstream_gradio.stream_settings import model_settings, stream_settings

LEAD = "Choose a picture, press Start, then drag a thing in it."

_ON_THE_STAGE = ("radius", "spacing")
"""Settings that have a slider beside the video."""


def drag_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=True, login=login)
    with gr.Row(equal_height=False, elem_classes="settings"):
        with gr.Column(min_width=280), gr.Accordion("Motion", open=False):
            motion_settings(provider, skip=_ON_THE_STAGE)
        with gr.Column(min_width=280), gr.Accordion("Model", open=False):
            model_settings(provider.name)
        with gr.Column(min_width=280), gr.Accordion("Stream", open=False):
            stream_settings(provider.name, pointers=True)
    return view
