"""Captions: the scene and its motion in short plain English, at most 95 bytes (96 with the end mark)."""

import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.layer import Layer
from motionstream.training.world.newcomer import Newcomer
from motionstream.training.world.scene import Scene

MAX_BYTES = 95
_MOVED_PX_OF_WIDTH = 0.02


def describe(scene: Scene) -> str:
    """Say what is seen and what moves, leaving out the least important words until it fits."""
    for text in _plain(scene) if scene.newcomer is None else _arriving(scene, scene.newcomer):
        if len(text.encode()) <= MAX_BYTES:
            return text
    raise AssertionError("a verb, a direction and a noun fit into a caption")


def _plain(scene: Scene) -> tuple[str, ...]:
    """Captions of what moves, from the fullest to the shortest."""
    things = [layer for layer in scene.layers if layer.path is not None]
    things.sort(key=lambda layer: -_way(layer, scene.width))
    head = "; ".join(_clause(layer, scene) for layer in things[:2])
    first = _clause(things[0], scene) if things else ""
    bare = f"a {things[0].words.split()[-1]} {_action(things[0], scene)}" if things else ""
    camera, place = _camera(scene), _place(scene)
    return head + place + camera, first + place + camera, first + camera, bare + camera, bare


def _arriving(scene: Scene, newcomer: Newcomer) -> tuple[str, ...]:
    """Captions of what comes into view, from the fullest to the shortest; all name it and its colour."""
    known = (newcomer.layer, newcomer.cover)
    others = [layer for n, layer in enumerate(scene.layers) if n not in known and layer.path is not None]
    others = [layer for layer in others if _way(layer, scene.width) >= _MOVED_PX_OF_WIDTH]
    others.sort(key=lambda layer: -_way(layer, scene.width))
    also = f"; {_clause(others[0], scene)}" if others else ""
    full, bare = (_arrival(scene, newcomer, short=short) for short in (False, True))
    camera, place = _camera(scene), _place(scene)
    return full + also + camera, full + place + camera, full + camera, bare + also + camera, bare + camera, bare


def _arrival(scene: Scene, newcomer: Newcomer, *, short: bool) -> str:
    """The clause about the newcomer, in one of a few wordings; short leaves out the cover's looks."""
    layer = scene.layers[newcomer.layer]
    new = _article(layer.words)
    if newcomer.cover is None:
        verbs = (f"{layer.verb} in", "comes in", "enters")
        return f"{new} {verbs[int(newcomer.phrase * len(verbs))]} from the {newcomer.side}"
    hiding = scene.layers[newcomer.cover]
    cover = _article(hiding.words.split()[-1] if short else hiding.words)
    action = _action(hiding, scene)
    wordings = (
        f"{cover} {action} and uncovers {new}",
        f"{cover} {action}, {new} appears",
        f"{new} appears behind {cover}",
        f"{cover} {action} and {new} comes into view",
    )
    return wordings[int(newcomer.phrase * len(wordings))]


def _camera(scene: Scene) -> str:
    return f", camera {scene.camera.move}" if scene.camera.move else ", still camera"


def _place(scene: Scene) -> str:
    return f" over {_article(scene.layers[0].words)} background"


def _clause(layer: Layer, scene: Scene) -> str:
    return f"{_article(layer.words)} {_action(layer, scene)}"


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _action(layer: Layer, scene: Scene) -> str:
    path = layer.path
    if path is None or _way(layer, scene.width) < _MOVED_PX_OF_WIDTH:
        return "stays still" if layer.still or path is None else "stays in place"
    net = path[-1] - path[0]
    turns = _reversals(path)
    if turns >= 2:
        return "moves back and forth" if abs(net).max() < 0.1 * scene.width else f"zigzags {_direction(net)}"
    return f"{layer.verb} {_direction(net if abs(net).max() > 1 else path[len(path) // 2] - path[0])}"


def _way(layer: Layer, width: int) -> float:
    """Length of the way in fractions of the width."""
    return 0.0 if layer.path is None else float(np.linalg.norm(np.diff(layer.path, axis=0), axis=1).sum()) / width


def _direction(net: NDArray[np.float64]) -> str:
    x, y = float(net[0]), float(net[1])
    across, along = "right" if x > 0 else "left", "down" if y > 0 else "up"
    if abs(y) < 0.5 * abs(x):
        return across
    return along if abs(x) < 0.5 * abs(y) else f"{along} and {across}"


def _reversals(path: NDArray[np.float64]) -> int:
    """How often the way turns by more than a right angle, rests left out."""
    step = np.diff(path, axis=0)
    step = step[np.linalg.norm(step, axis=1) > 1e-3]
    if len(step) < 2:
        return 0
    return int((np.einsum("ni,ni->n", step[1:], step[:-1]) < 0).sum())
