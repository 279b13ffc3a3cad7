"""Things made of solids: cupboards, tables with things on them, chairs, sofas, pictures on walls, trees."""

from __future__ import annotations

import numpy as np

from motionstream_camera.depth_training.solid import Solid, SolidKind, turned
from motionstream_camera.depth_training.texture import Texture, make_texture

Triple = tuple[float, float, float]


class Workshop:
    """Builds things that stand at one place, all turned the same way.

    Args:
        rng: What is drawn.
        x: Where the thing stands.
        z: Where the thing stands.
        yaw: How it is turned, in radians.
    """

    def __init__(self, rng: np.random.Generator, x: float, z: float, yaw: float) -> None:
        self.rng, self.place, self.turn = rng, np.array([x, 0, z], np.float32), turned(yaw)

    def solid(self, kind: SolidKind, at: Triple, size: Triple, paint: Texture) -> Solid:
        """A solid by its centre (x, height above the floor, z, of its own) and its whole sizes."""
        own = np.array([at[0], -at[1], at[2]], np.float32)
        half = np.maximum(np.array(size, np.float32) / 2, 0.002)
        return Solid(kind=kind, centre=self.place + self.turn @ own, half=half, turn=self.turn, texture=paint)

    def standing(self) -> list[Solid]:
        """Anything of the kinds below."""
        makers = (self.cupboard, self.table, self.table, self.chair, self.sofa, self.pile, self.lamp)
        return makers[int(self.rng.integers(len(makers)))]()

    def cupboard(self) -> list[Solid]:
        """A box, at times with boards in front of a dark inside, and things on top."""
        wide, high, deep = self.rng.uniform(0.4, 2), self.rng.uniform(0.5, 2.3), self.rng.uniform(0.3, 0.7)
        paint = make_texture(self.rng)
        body = [self.solid("box", (0, high / 2, 0), (wide, high, deep), paint)]
        if self.rng.random() < 0.5:
            for part in np.linspace(0.15, 1, int(self.rng.integers(2, 6))):
                body.append(self.solid("box", (0, high * part, -0.03), (wide + 0.04, 0.03, deep + 0.06), paint))
        return body + (self.things_on(high, wide, deep, 2) if high < 1.5 else [])

    def table(self) -> list[Solid]:
        """A board on legs with things on it."""
        wide, high, deep = self.rng.uniform(0.6, 2.2), self.rng.uniform(0.4, 0.95), self.rng.uniform(0.5, 1.1)
        paint = make_texture(self.rng)
        parts = [self.solid("box", (0, high - 0.02, 0), (wide, 0.04, deep), paint)]
        for x in (-1, 1):
            for z in (-1, 1):
                leg = (x * (wide / 2 - 0.05), high / 2 - 0.02, z * (deep / 2 - 0.05))
                parts.append(self.solid("box", leg, (0.05, high - 0.04, 0.05), paint))
        return parts + self.things_on(high, wide, deep, int(self.rng.integers(1, 8)))

    def chair(self) -> list[Solid]:
        """A seat, a back and what they stand on."""
        paint, high, wide = make_texture(self.rng), self.rng.uniform(0.4, 0.5), self.rng.uniform(0.4, 0.6)
        foot = self.solid("can", (0, high / 2, 0), (0.08, high, 0.08), paint)
        if self.rng.random() < 0.4:
            foot = self.solid("box", (0, high / 2, 0), (wide, high, wide), paint)
        seat = self.solid("box", (0, high, 0), (wide, 0.07, wide), paint)
        return [foot, seat, self.solid("box", (0, high + 0.25, wide / 2), (wide, 0.5, 0.06), paint)]

    def sofa(self) -> list[Solid]:
        """A low box, a back, two arms."""
        paint, wide, deep = make_texture(self.rng), self.rng.uniform(0.8, 2.2), self.rng.uniform(0.7, 1)
        back = self.solid("box", (0, 0.45, deep / 2), (wide, 0.9, 0.22), paint)
        arms = [self.solid("box", (x * wide / 2, 0.3, 0), (0.18, 0.6, deep), paint) for x in (-1, 1)]
        place = (self.rng.uniform(-0.3, 0.3) * wide, 0.6, 0.1)
        cushion = self.solid("ball", place, (0.5, 0.4, 0.25), make_texture(self.rng))
        return [self.solid("box", (0, 0.22, 0), (wide, 0.44, deep), paint), back, *arms, cushion]

    def pile(self) -> list[Solid]:
        """Boxes, balls and cans on the floor, near one another."""
        return self.things_on(0, 1.2, 1.2, int(self.rng.integers(2, 6)), size=2.2)

    def lamp(self) -> list[Solid]:
        """A pole with a ball or can at its top; also a column, or a tree."""
        high, thick = self.rng.uniform(1, 2.5), self.rng.uniform(0.03, 0.3)
        pole = self.solid("can", (0, high / 2, 0), (thick, high, thick), make_texture(self.rng))
        width = thick + self.rng.uniform(0.1, 0.8)
        kind: SolidKind = "ball" if self.rng.random() < 0.5 else "can"
        top = self.solid(kind, (0, high, 0), (width, width, width), make_texture(self.rng))
        return [pole, top]

    def things_on(self, height: float, wide: float, deep: float, num: int, size: float = 1.0) -> list[Solid]:
        """Small things standing on a board of this size at this height."""
        things = []
        for _ in range(num):
            across, high = (float(v) * size for v in self.rng.uniform(0.05, 0.45, 2))
            thick = self.rng.choice((0.03, 1.0)) * across
            x, z = self.rng.uniform(-0.45, 0.45, 2) * (wide, deep)
            kinds: tuple[SolidKind, ...] = ("box", "box", "can", "ball")
            kind = kinds[int(self.rng.integers(4))]
            shape = (across, high, thick) if kind == "box" else (across, high if kind == "can" else across, across)
            things.append(self.solid(kind, (x, height + shape[1] / 2, z), shape, make_texture(self.rng)))
        return things

    def tree(self) -> list[Solid]:
        """A trunk under a crown."""
        high, wide = self.rng.uniform(1.5, 5), self.rng.uniform(1.5, 4.5)
        bark = make_texture(self.rng, (0.05, 0.4))
        trunk = self.solid("can", (0, high / 2, 0), (high * 0.08, high, high * 0.08), bark)
        crown = (wide, wide * self.rng.uniform(0.7, 1.6), wide)
        return [trunk, self.solid("ball", (0, high + crown[1] * 0.3, 0), crown, make_texture(self.rng, (0.1, 0.5)))]

    def house(self) -> list[Solid]:
        """A large box."""
        wide, high, deep = (float(v) for v in self.rng.uniform((3, 2.5, 3), (15, 14, 15)))
        return [self.solid("box", (0, high / 2, 0), (wide, high, deep), make_texture(self.rng))]
