"""The settings below a live view: how things move, how the model works, how frames come to the page."""

from __future__ import annotations

from collections.abc import Collection

import gradio as gr

from motionstream.serving.messages import ProviderInfo
from motionstream_gradio.motion_settings import motion_settings
from motionstream_gradio.stream_settings import model_settings, stream_settings


def settings_row(
    provider: ProviderInfo, *, skip: Collection[str] = (), pointers: bool = False, motion_open: bool = False
) -> None:
    """Three groups side by side.

    Args:
        provider: Whose tab.
        skip: Its settings that have a control elsewhere, or mean nothing here.
        pointers: People drag on the stage.
        motion_open: Show the provider's settings at once.
    """
    with gr.Row(equal_height=False, elem_classes="settings"):
        with gr.Column(min_width=280), gr.Accordion("Motion", open=motion_open):
            motion_settings(provider, skip=skip)
        with gr.Column(min_width=280), gr.Accordion("Model", open=False):
            model_settings(provider.name)
        with gr.Column(min_width=280), gr.Accordion("Stream", open=False):
            stream_settings(provider.name, pointers=pointers)
