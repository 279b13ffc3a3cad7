"""1/f noise, the spectrum of natural images, in a decorrelated colour space."""

import cv2
import numpy as np
from numpy.typing import NDArray

from motionstream.training.world.colour import OPPONENT_TO_RGB


def pink_noise(
    rng: np.random.Generator, height: int, width: int, channels: int, exponent: float
) -> NDArray[np.float32]:
    """Draw noise whose amplitude falls as 1/frequency**exponent.

    Returns:
        Zero mean, unit variance, shape [channels height width].
    """
    rows, columns = -(-height // 32) * 32, -(-width // 32) * 32
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]).astype(np.float32)
    frequency[0, 0] = np.inf
    white = rng.standard_normal((channels, *frequency.shape, 2), np.float32).view(np.complex64)[..., 0]
    field = np.fft.irfft2(white * frequency**-exponent, s=(rows, columns), axes=(1, 2)).astype(np.float32)
    field = field[:, :height, :width]
    return np.asarray(field / (field.std(axis=(1, 2), keepdims=True) + 1e-9), np.float32)


def noise_image(rng: np.random.Generator, height: int, width: int, mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Paint a cloud, rock or skin-like image round a mean colour.

    Returns:
        RGB in 0..255, shape [height width 3].
    """
    field = pink_noise(rng, height, width, 3, rng.uniform(0.9, 1.9))
    amount = np.array([rng.uniform(12, 50), rng.uniform(2, 14), rng.uniform(1, 9)], np.float32)
    mixing = amount[:, None] * OPPONENT_TO_RGB
    image = cv2.transform(np.ascontiguousarray(field.transpose(1, 2, 0)), np.ascontiguousarray(mixing.T))
    return np.asarray(image + mean, np.float32)
