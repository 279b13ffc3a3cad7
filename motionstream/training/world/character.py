"""Characters: simple figures built of parts, looking left or right: bird, fish, car, face, flower, house, cup, cat."""

import numpy as np

from motionstream.training.world.shape import Part, Shape, ball, blob, box, ellipse, polygon, star


def _poly(*points: tuple[float, float], paint: str = "body") -> Part:
    return Part(points=np.array(points, float), paint=paint)


def bird(rng: np.random.Generator) -> Shape:
    """Body, wing, tail, head with beak and eye."""
    lift = rng.uniform(-0.9, -0.4)
    parts = (
        _poly((-0.45, 0), (-1, -0.25), (-0.95, 0.2), paint="accent"),
        Part(points=ellipse(0, 0.05, 0.6, 0.35, 0.1)),
        Part(points=ellipse(0.5, -0.2, 0.27, 0.25)),
        _poly((0.7, -0.28), (1, -0.15), (0.7, -0.08), paint="light"),
        _poly((-0.25, 0), (0.25, -0.05), (-0.15, lift), (-0.4, lift * 0.9), paint="accent"),
        Part(points=ellipse(0.56, -0.25, 0.06, 0.06), paint="dark"),
    )
    return Shape(name="bird", parts=parts, verb="flies")


def fish(rng: np.random.Generator) -> Shape:
    """Body, tail and back fin, eye."""
    high = rng.uniform(0.35, 0.6)
    parts = (
        _poly((-0.5, 0), (-1, -0.45), (-0.85, 0), (-1, 0.45), paint="accent"),
        _poly((-0.3, -0.2), (0.1, -high - 0.35), (0.4, -0.2), paint="accent"),
        Part(points=ellipse(0.15, 0, 0.8, high)),
        Part(points=ellipse(0.6, -0.12, 0.11, 0.11), paint="light"),
        Part(points=ellipse(0.63, -0.12, 0.05, 0.05), paint="dark"),
    )
    return Shape(name="fish", parts=parts, verb="swims")


def car(rng: np.random.Generator) -> Shape:
    """Hull, cabin with window, two wheels."""
    roof = rng.uniform(-0.65, -0.45)
    parts = (
        _poly((-0.6, -0.1), (-0.4, roof), (0.25, roof), (0.55, -0.1)),
        _poly((-0.4, -0.12), (-0.3, roof + 0.1), (0.2, roof + 0.1), (0.4, -0.12), paint="light"),
        _poly((-1, -0.1), (0.9, -0.12), (1, 0.1), (1, 0.35), (-1, 0.35)),
        Part(points=ellipse(-0.55, 0.35, 0.24, 0.24), paint="dark"),
        Part(points=ellipse(0.55, 0.35, 0.24, 0.24), paint="dark"),
        Part(points=ellipse(-0.55, 0.35, 0.1, 0.1), paint="light"),
        Part(points=ellipse(0.55, 0.35, 0.1, 0.1), paint="light"),
    )
    return Shape(name="car", parts=parts, verb="drives")


def face(rng: np.random.Generator) -> Shape:
    """Hair, head, eyes, nose and mouth."""
    smile = rng.uniform(0.0, 0.2)
    mouth = np.array([(-0.35, 0.4), (0, 0.42 + smile), (0.35, 0.4), (0, 0.5 + smile)])
    parts = [Part(points=ellipse(0, -0.12, 0.82, 0.88), paint="accent"), Part(points=ellipse(0, 0.1, 0.7, 0.85))]
    for x in (-0.28, 0.28):
        parts += [
            Part(points=ellipse(x, -0.05, 0.15, 0.1), paint="light"),
            Part(points=ellipse(x, -0.05, 0.07, 0.08), paint="dark"),
        ]
    parts += [_poly((0, 0.05), (0.1, 0.28), (-0.08, 0.28), paint="accent"), Part(points=mouth, paint="dark")]
    return Shape(name="face", parts=tuple(parts))


def cat(rng: np.random.Generator) -> Shape:
    """A cat's head: ears, eyes, nose."""
    ear = rng.uniform(0.8, 1)
    parts = [
        _poly((-0.75, -0.2), (-0.7, -ear), (-0.15, -0.5)),
        _poly((0.75, -0.2), (0.7, -ear), (0.15, -0.5)),
        Part(points=ellipse(0, 0.1, 0.85, 0.72)),
        Part(points=ellipse(-0.35, 0, 0.17, 0.14), paint="light"),
        Part(points=ellipse(0.35, 0, 0.17, 0.14), paint="light"),
        Part(points=ellipse(-0.35, 0, 0.05, 0.13), paint="dark"),
        Part(points=ellipse(0.35, 0, 0.05, 0.13), paint="dark"),
        _poly((-0.12, 0.28), (0.12, 0.28), (0, 0.42), paint="accent"),
    ]
    return Shape(name="cat", parts=tuple(parts), verb="walks")


def flower(rng: np.random.Generator) -> Shape:
    """Petals round a middle."""
    petals = int(rng.integers(5, 9))
    angles = np.arange(petals) * 2 * np.pi / petals
    parts = [Part(points=ellipse(0.6 * np.cos(a), 0.6 * np.sin(a), 0.4, 0.26, a)) for a in angles]
    return Shape(name="flower", parts=(*parts, Part(points=ellipse(0, 0, 0.3, 0.3), paint="accent")), verb="drifts")


def house(rng: np.random.Generator) -> Shape:
    """Walls, roof, door, windows."""
    top = rng.uniform(-0.25, 0)
    parts = (
        _poly((-0.75, top), (0.75, top), (0.75, 1), (-0.75, 1)),
        _poly((-0.95, top), (0, -1), (0.95, top), paint="accent"),
        _poly((-0.15, 0.45), (0.15, 0.45), (0.15, 1), (-0.15, 1), paint="dark"),
        _poly((-0.6, 0.2), (-0.3, 0.2), (-0.3, 0.5), (-0.6, 0.5), paint="light"),
        _poly((0.3, 0.2), (0.6, 0.2), (0.6, 0.5), (0.3, 0.5), paint="light"),
    )
    return Shape(name="house", parts=parts)


def cup(rng: np.random.Generator) -> Shape:
    """A cup with its opening and handle."""
    foot = rng.uniform(0.4, 0.7)
    parts = (
        Part(points=ellipse(0.7, 0.05, 0.3, 0.35), paint="accent"),
        _poly((-0.75, -0.6), (0.75, -0.6), (foot, 0.8), (-foot, 0.8)),
        Part(points=ellipse(0, -0.6, 0.75, 0.18), paint="light"),
        Part(points=ellipse(0, -0.58, 0.62, 0.12), paint="dark"),
    )
    return Shape(name="cup", parts=parts, verb="slides")


_CHARACTERS = (bird, fish, car, face, cat, flower, house, cup)
_PLAIN = (blob, polygon, star, ball, box)


def make_shape(rng: np.random.Generator) -> Shape:
    """Draw a character or, as often as not, a plain shape; characters look to either side."""
    kinds = _CHARACTERS if rng.random() < 0.45 else _PLAIN
    shape = kinds[int(rng.integers(len(kinds)))](rng)
    if rng.random() < 0.5:
        return shape
    mirrored = tuple(Part(points=p.points * (-1, 1), paint=p.paint) for p in shape.parts)
    return Shape(name=shape.name, parts=mirrored, verb=shape.verb)
