"""Each normaliser of a chain learns from images prepared by the steps before it."""

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging import (
    MacenkoNormalizer,
    Preparation,
    ReinhardNormalizer,
    fit_preparation,
    median_blur,
)


@pytest.fixture(scope="module")
def images():
    return [np.asarray(image) for image in lf.make_cells(3, 6, size=64, random_state=0).images]


def test_a_step_learns_from_what_the_steps_before_it_leave(images):
    found = fit_preparation(images, ("median_blur", {"size": 5}), "reinhard", random_state=1)
    order = np.random.default_rng(1).permutation(len(images))
    blurred = [median_blur(images[i], size=5, keep_background=True) for i in order]
    wanted = Preparation(("median_blur", {"size": 5}), ReinhardNormalizer().fit(blurred))
    assert found == wanted
    assert found != fit_preparation(images, "reinhard", ("median_blur", {"size": 5}))
    # The second normaliser sees images that the first has normalised.
    both = fit_preparation(images, "reinhard", "macenko", random_state=1)
    first = ReinhardNormalizer().fit([images[i] for i in order])
    second = MacenkoNormalizer().fit([first.normalize(images[i]) for i in order])
    assert both == Preparation(first, second)


def test_parameters_and_normalisers_are_taken(images):
    by_name = fit_preparation(images, ("macenko", {"percentile": 2.0}))
    given = MacenkoNormalizer(percentile=2.0)
    assert fit_preparation(images, given) == by_name
    assert not hasattr(given, "n_images_")  # what is given is not changed
    assert by_name != fit_preparation(images, "macenko")
    fitted = MacenkoNormalizer().fit(images[:2])
    kept = fit_preparation(images, fitted, "reinhard")
    assert kept.steps[0] == Preparation(fitted).steps[0]


def test_files_and_datasets_give_the_same(images, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image[..., ::-1])
    wanted = fit_preparation(images, "reinhard")
    assert fit_preparation(paths, "reinhard") == wanted
    assert fit_preparation([str(path) for path in paths], "reinhard") == wanted
    assert fit_preparation(lf.CellDataset.from_arrays(images), "reinhard") == wanted


def test_a_draw_is_that_of_its_seed(images):
    two = [fit_preparation(images, "reinhard", n_images=2, random_state=s) for s in (0, 0, 1)]
    assert two[0] == two[1]
    assert two[0] != two[2]
    assert "fitted on 2 images" in repr(two[0])
    assert "fitted on 6 images" in repr(fit_preparation(images, "reinhard", n_images=None))


@pytest.mark.parametrize(
    ("steps", "settings", "says"),
    [
        ((), {}, "at least one step"),
        (("invert",), {}, r"\('invert',\) is learnt.* there are \('reinhard', 'macenko'\)\."),
        (("macenkoo",), {}, "Got 'macenkoo' instead"),
        (("sharpen", "reinhard"), {}, "Got 'sharpen' instead"),
        ((("macenko", {"hue": 1}),), {}, r"'macenko' cannot be learnt with \{'hue': 1\}"),
        ((("macenko", {"percentile": 80.0}),), {}, "'percentile'"),
        (("reinhard",), {"n_images": 0}, "'n_images' parameter"),
        (("reinhard",), {"n_images": True}, "'n_images' parameter"),
    ],
)
def test_what_cannot_be_learnt_is_told(images, steps, settings, says):
    with pytest.raises(ValueError, match=says):
        fit_preparation(images, *steps, **settings)


def test_images_that_cannot_be_learnt_from_are_named(images, tmp_path):
    with pytest.raises(ValueError, match="no image to fit"):
        fit_preparation([], "reinhard")
    blank = np.full((64, 64, 3), 230, np.uint8)
    with pytest.raises(
        ValueError, match=r"image 6 cannot be prepared.*no white cell.*Leave it out"
    ):
        fit_preparation([*images, blank], "cut_out_cell", "reinhard")
    with pytest.raises(ValueError, match="image 0 cannot be prepared"):
        fit_preparation([images[0].astype(float)], "reinhard")
    with pytest.raises(ValueError, match="no stained pixel"):
        fit_preparation([blank], "macenko")
    with pytest.raises(ImageReadError, match=r"none\.png"):
        fit_preparation([tmp_path / "none.png"], "reinhard")
