"""The bar says why it stands still, and that time does not spoil what it says of the time left."""

import io

import tqdm

import leukfeat as lf
from leukfeat.features.progress import pausing


def test_starting_is_said_and_is_no_time_of_an_image(engine, write_images, tmp_path, capsys):
    lf.extract_features(write_images(3), cache=tmp_path / "cache", weights="random")
    said = capsys.readouterr().err
    assert "starting the network" in said
    assert "starting" not in said.rstrip().rsplit("\r", 1)[-1]


def test_a_pause_is_left_out_of_the_estimate():
    clock = [0.0]
    bar = tqdm.tqdm(total=11, file=io.StringIO(), miniters=1, mininterval=0)
    bar._time = lambda: clock[0]
    bar.start_t = bar.last_print_t = 0.0
    clock[0] = 1.0
    bar.update()
    with pausing(bar, "starting"):
        assert "starting" in bar.fp.getvalue()
        clock[0] = 91.0
    clock[0] = 92.0
    bar.update()
    # Two images in two seconds: nine are left.
    assert bar.format_dict["elapsed"] == 2
    assert "00:09" in str(bar)
