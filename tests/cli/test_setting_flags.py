"""Settings of a provider are flags of `motionstream generate`."""

import pytest

from motionstream.cli.setting_flags import with_setting_flags

OWN = {"image", "provider", "set", "overlay"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--image a.png --overlay", "--image a.png --overlay"),
        ("--radius 0.1", "--set radius=0.1"),
        ("--radius=0.1 --no-overlay", "--set radius=0.1 --no-overlay"),
        ("--script=a=b.json --image a.png", "--set script=a=b.json --image a.png"),
        ("--max-speed 3 --provider drag", "--set max_speed=3 --provider drag"),
        ("--provider webcam --source head.mp4 --mirror", "--provider webcam --set source=head.mp4 --set mirror=true"),
        ("--no-mirror --provider=webcam --gain 2", "--set mirror=false --provider=webcam --set gain=2"),
        ("--provider webcam --camera-box [0,0,1,0.5]", "--provider webcam --set camera_box=[0,0,1,0.5]"),
        ("--provider camera --path orbit --overlay", "--provider camera --set path=orbit --overlay"),
        ("--provider camera --path-amount -1", "--provider camera --set path_amount=-1"),
        ("--provider camera --path", "--provider camera --set path="),
        ("--no-radius 3 --wings 2", "--no-radius 3 --wings 2"),
        ("--provider nothing --radius 0.1", "--provider nothing --radius 0.1"),
    ],
)
def test_what_the_provider_has_and_the_command_has_not_becomes_a_setting(typed: str, meant: str) -> None:
    assert with_setting_flags(typed.split(), OWN) == meant.split()
