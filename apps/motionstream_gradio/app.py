"""The app: a tab for every source of motion and one for recordings, mounted on the live server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr
from fastapi import FastAPI

from motionstream.errors import InputError
from motionstream.serving.messages import ProviderInfo
from motionstream.serving.service import Service
from motionstream_gradio.camera import camera_tab
from motionstream_gradio.drag import drag_tab
from motionstream_gradio.gallery import gallery_tab
from motionstream_gradio.generic import generic_tab
from motionstream_gradio.theme import CSS, TITLE, studio_theme
from motionstream_gradio.web_files import WEB, mount_web_files
from motionstream_gradio.webcam import webcam_tab

Ticket = Callable[[str], str]
"""From the name of a visitor to a ticket that the live server accepts."""

_TABS: dict[str, Callable[[ProviderInfo, bool], gr.HTML]] = {
    "drag": drag_tab,
    "webcam": webcam_tab,
    "camera": camera_tab,
    "camera+drag": camera_tab,
}
"""Tabs of their own, in order; to add one, add a line. Every other source of motion gets one from its settings."""

RECORDINGS = "recordings"


def build_blocks(
    providers: Sequence[ProviderInfo], *, tab: str | None = None, ticket: Ticket | None = None
) -> gr.Blocks:
    """The page, not yet mounted.

    Args:
        providers: Sources of motion that the server offers.
        tab: Only this one: a provider's name or "recordings"; None is all.
        ticket: For pages behind Gradio's own login: makes what the page shows to the live server.

    Raises:
        InputError: There is no such tab.
    """
    chosen = _chosen(providers, tab)
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False)
    with blocks:
        views = _all_tabs(chosen, tab, ticket is not None)
        if ticket is not None:
            blocks.load(_admission(ticket, len(views)), None, views, api_visibility="private", show_progress="hidden")
    return blocks


def mount(app: FastAPI, *, tab: str | None = None, auth: tuple[str, str] | None = None, root_path: str = "") -> None:
    """Put the page on a live server, at its root.

    Args:
        app: What `motionstream.serving.server.create_app` made; what was routed before goes first.
        tab: See `build_blocks`.
        auth: User and password of Gradio's own login; the server's settings then say `login`.
        root_path: Prefix under which a reverse proxy shows the server, such as "/demo".

    Raises:
        InputError: There is no such tab.
    """
    service: Service = app.state.service
    ticket = None if auth is None else service.access.ticket
    blocks = build_blocks(service.offers.infos, tab=tab, ticket=ticket)
    mount_web_files(app)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth=auth,
        root_path=root_path or None,
        theme=studio_theme(),
        css=CSS,
        favicon_path=str(WEB / "icon.svg"),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
    )


def _chosen(providers: Sequence[ProviderInfo], tab: str | None) -> list[ProviderInfo]:
    order = {name: place for place, name in enumerate(_TABS)}
    own_first = sorted(providers, key=lambda provider: (order.get(provider.name, len(order)), provider.name))
    names = [*(provider.name for provider in own_first), RECORDINGS]
    if tab is not None and tab not in names:
        raise InputError(f"--tab: wanted one of {', '.join(names)}, got {tab!r}.")
    return [provider for provider in own_first if tab in (None, provider.name)]


def _all_tabs(providers: Sequence[ProviderInfo], tab: str | None, login: bool) -> list[gr.HTML]:
    if tab == RECORDINGS:
        return [gallery_tab(login)]
    if tab is not None:
        return [_view(providers[0], login)]
    views = []
    with gr.Tabs():
        for provider in providers:
            with gr.Tab(_title(provider.name), id=provider.name):
                views.append(_view(provider, login))
        with gr.Tab(RECORDINGS.capitalize(), id=RECORDINGS):
            views.append(gallery_tab(login))
    return views


def _title(name: str) -> str:
    return name.replace("_", " ").replace("+", " + ").capitalize()


def _view(provider: ProviderInfo, login: bool) -> gr.HTML:
    return _TABS.get(provider.name, generic_tab)(provider, login)


def _admission(ticket: Ticket, num_views: int) -> Callable[[gr.Request], list[str] | str]:
    def admit(request: gr.Request) -> list[str] | str:
        value = ticket(request.username or "")
        return [value] * num_views if num_views > 1 else value

    return admit
