import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import FeatureSet, make_cells
from leukfeat.evaluation import shift_image, shift_sweep
from leukfeat.evaluation.shift import SHIFTS


@pytest.fixture(scope="module")
def cells():
    return make_cells(12, 60, size=48)


@pytest.mark.parametrize("kind", list(SHIFTS))
def test_images_change_and_the_background_stays_black(cells, kind):
    image = cells.images[0]
    for amount in SHIFTS[kind]:
        changed = shift_image(image, kind, amount)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        if kind != "scale":
            assert not changed[~image.any(axis=2)].any()
    neutral = {"brightness": 1.0, "stain": 1.0, "blur": 0.0, "scale": 1.0}
    if kind in neutral:
        np.testing.assert_array_equal(shift_image(image, kind, neutral[kind]), image)


def test_more_stain_is_darker_and_a_larger_scale_is_larger(cells):
    image = cells.images[0]
    assert shift_image(image, "stain", 1.3).sum() < image.sum()
    area = image.any(axis=2).sum()
    assert shift_image(image, "scale", 1.25).any(axis=2).sum() > area
    with pytest.raises(ValueError, match="'kind' must be one of"):
        shift_image(image, "hue", 1.0)


def test_a_head_on_brightness_falls_with_brightness(cells):
    def extract(given):
        X = np.array([[i.max(), i[i.any(axis=2)].mean()] for i in given.images], np.float32)
        return FeatureSet(
            X, given.y, subjects=given.subjects, class_names=given.class_names, positive="all"
        )

    features = extract(cells)
    head = LogisticRegression(max_iter=1000).fit(features.X, features.y)
    sweep = shift_sweep(head, cells, extract, shifts={"brightness": (0.5, 1.0)}, metric="accuracy")
    assert list(sweep.table["amount"]) == [0.5, 1.0]
    expected = (head.predict(features.X) == features.y).mean()
    assert sweep.table["estimate"].iloc[1] == pytest.approx(expected)
    assert len(sweep.worst) == 1
    assert json.dumps(sweep.to_dict())
    assert len(sweep.plot().axes) == 1
