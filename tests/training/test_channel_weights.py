import pytest
import torch

from motionstream.models.vae.tiny import TinyVAE, TinyVAEConfig
from motionstream.training.channel_weights import channel_weights
from motionstream.training.flow import latent_error, velocity_error


def test_a_channel_weighs_as_much_as_it_changes_the_pixels() -> None:
    torch.manual_seed(0)
    vae = TinyVAE(TinyVAEConfig.linear(4)).eval()
    assert vae.shortcut is not None
    with torch.no_grad():
        columns = torch.linalg.qr(torch.randn(4 * 3 * 64, 4))[0]
        blocks = columns * torch.tensor([4.0, 2.0, 1.0, 1.0])
        vae.shortcut.start_at_components(0.5 + 0.1 * torch.randn(4000, 4) @ blocks.T, 0.0)
    latents = torch.randn(1, 4, 2, 3, 3) * 0.01
    weights = channel_weights(vae)
    assert float(weights.mean()) == pytest.approx(1)
    for channel in range(4):
        moved = latents.clone()
        moved[0, channel, 1, 1, 1] += 0.01
        with torch.no_grad():
            change = (vae.decode(moved) - vae.decode(latents)).square().sum()
            wanted = (
                sum((vae.decode(latents + 0.01 * _at(c)) - vae.decode(latents)).square().sum() for c in range(4)) / 4
            )
        assert float(weights[channel]) == pytest.approx(float(change / wanted), rel=0.02)


def _at(channel: int) -> torch.Tensor:
    one = torch.zeros(1, 4, 2, 3, 3)
    one[0, channel, 1, 1, 1] = 1
    return one


def test_weights_scale_the_error_of_their_channel_alone() -> None:
    made, wanted = torch.randn(2, 3, 4, 2, 2), torch.randn(2, 3, 4, 2, 2)
    plain = latent_error(made, wanted)
    torch.testing.assert_close(latent_error(made, wanted, torch.ones(3)), plain)
    torch.testing.assert_close(plain, (made - wanted).square()[:, :, 1:].mean((1, 2, 3, 4)))
    only = latent_error(made, wanted, torch.tensor([0.0, 3.0, 0.0]))
    torch.testing.assert_close(only, (made - wanted).square()[:, 1, 1:].mean((1, 2, 3)))
    times = torch.tensor([0.5, 1.0])
    torch.testing.assert_close(velocity_error(made, wanted, times, 0.0), (plain * torch.tensor([4.0, 1.0])).mean())
