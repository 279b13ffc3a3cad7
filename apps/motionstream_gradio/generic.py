"""The tab of any source of motion: its settings are all there is to it, and their schema makes the controls."""

from __future__ import annotations

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.live_view import live_view
from motionstream_gradio.motion_settings import motion_settings
from motionstream_gradio.stream_settings import model_settings, stream_settings

LEAD = "Choose a picture and press Start; the settings below say how it moves."


def generic_tab(provider: ProviderInfo, login: bool) -> gr.HTML:
    """Fill the tab."""
    view = live_view(provider.name, lead=LEAD, tools=False, login=login)
    with gr.Row(equal_height=False, elem_classes="settings"):
        with gr.Column(min_width=280), gr.Accordion("Motion", open=True):
            motion_settings(provider)
        with gr.Column(min_width=280), gr.Accordion("Model", open=False):
            model_settings(provider.name)
        with gr.Column(min_width=280), gr.Accordion("Stream", open=False):
            stream_settings(provider.name, pointers=False)
    return view
