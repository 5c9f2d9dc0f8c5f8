import numpy as np
import pytest

from leukfeat.cnn.augmentation import augment_batch
from leukfeat.imaging import CellAugmentation, augment_image

NUMBERS = ("rotation", "scale", "translation", "shear", "crop", "brightness", "contrast", "stain")
OFF = {"flip": False, "noise": 0.0, "blur": 0.0, **dict.fromkeys(NUMBERS, 0.0)}
EVERY = {"crop": 0.2, "blur": 2.0, "noise": 20.0}


@pytest.fixture(scope="module")
def batch(discs):
    return np.stack(discs[:16].images)


def augmented(batch, seed=(0, 0), **settings):
    changed = augment_batch(batch, np.array(seed), CellAugmentation(**{**OFF, **settings}))
    return changed.numpy()


def test_nothing_asked_for_changes_nothing(batch):
    np.testing.assert_array_equal(augmented(batch), batch)


def test_the_seed_decides(batch):
    every = {"flip": True, "rotation": 180.0, "translation": 0.1, "stain": 0.2, **EVERY}
    np.testing.assert_array_equal(augmented(batch, **every), augmented(batch, **every))
    assert (augmented(batch, **every) != augmented(batch, seed=(0, 1), **every)).any()
    assert (augmented(batch, **every) != augmented(batch, seed=(1, 0), **every)).any()


@pytest.mark.parametrize(
    "settings",
    [{"brightness": 1.0}, {"contrast": 1.0}, {"stain": 1.0}, {"noise": 60.0}, {"blur": 3.0}],
    ids=lambda settings: next(iter(settings)),
)
def test_changes_of_colour_leave_the_background_black_and_the_cell_not(batch, settings):
    changed = augmented(batch, **settings)
    inside = (batch > 0).any(axis=3)
    assert not np.array_equal(changed, batch)
    assert (changed[~inside] == 0).all()
    assert (changed[inside].max(axis=1) >= 1).all()
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_without_a_background_what_comes_into_view_has_the_colour_of_the_frame():
    field = np.full((4, 32, 32, 3), (230, 190, 200), np.uint8)
    field[:, 8:20, 8:20] = (90, 30, 120)
    moved = augmented(field, translation=0.1, rotation=180.0)
    np.testing.assert_allclose(
        moved[:, [0, 0, -1, -1], [0, -1, 0, -1]], [[(230, 190, 200)] * 4] * 4
    )
    assert (moved.min(axis=(1, 2)) > 20).all()


def test_a_flip_moves_pixels_and_changes_none(batch):
    flipped = augmented(batch, flip=True)
    options = np.stack([batch, batch[:, ::-1], batch[:, :, ::-1], batch[:, ::-1, ::-1]])
    same = np.isclose(options, flipped, atol=1e-2).all(axis=(2, 3, 4))
    assert same.any(axis=0).all()
    assert len(set(same.argmax(axis=0))) == 4


def test_a_turned_cell_keeps_its_place_and_size(batch):
    turned = augmented(batch, rotation=180.0)
    before, after = (batch > 0).any(axis=3), (turned > 0).any(axis=3)
    ratio = after.sum(axis=(1, 2)) / before.sum(axis=(1, 2))
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    places = np.arange(batch.shape[1])
    for axes in ((2,), (1,)):
        before_at, after_at = (
            (m.sum(axis=axes) * places).sum(axis=1) / m.sum(axis=(1, 2)) for m in (before, after)
        )
        # Discs are drawn half a pixel off the middle, which a half turn moves to the other side.
        np.testing.assert_allclose(before_at, after_at, atol=1.5)


def test_no_black_creeps_into_the_rim_of_a_cell():
    rows, columns = np.mgrid[:96, :96]
    discs = np.zeros((4, 96, 96, 3), np.uint8)
    discs[:, (rows - 50) ** 2 + (columns - 46) ** 2 < 30**2] = (150, 60, 160)
    turned = augmented(discs, rotation=180.0, scale=0.2, shear=10.0, translation=0.05)
    seen = turned[turned.any(axis=3)]
    assert len(seen) > 4 * 1000
    assert np.abs(seen - (150, 60, 160)).max() < 6


def test_scale_changes_the_size_and_no_more_than_asked(batch):
    scaled = augmented(batch, scale=0.5)
    areas = (scaled > 0).any(axis=3).sum(axis=(1, 2)) / (batch > 0).any(axis=3).sum(axis=(1, 2))
    assert areas.min() < 0.8
    assert areas.max() > 1.2
    assert 0.4 < areas.min() < areas.max() < 2.4


def test_a_crop_blackens_a_margin(batch):
    full = np.full_like(batch, 200)
    full[:, 0, 0] = 0
    cropped = (augmented(full, crop=0.5) > 0).any(axis=3)
    sides = cropped.any(axis=2).sum(axis=1), cropped.any(axis=1).sum(axis=1)
    for side in sides:
        assert side.min() >= 0.5 * 40 - 1
        assert side.min() < 35


@pytest.mark.parametrize(
    ("settings", "statistic"),
    [
        ({"brightness": 0.5}, lambda x: x[x > 0].mean()),
        ({"contrast": 0.8}, lambda x: x[x > 0].std()),
        ({"noise": 30.0}, lambda x: x[x > 0].std()),
        ({"stain": 0.3}, lambda x: x[x > 0].mean()),
        ({"blur": 3.0}, lambda x: np.abs(np.diff(x.astype(float), axis=0)).mean()),
        ({"scale": 0.4}, lambda x: (x > 0).any(axis=2).sum()),
        ({"shear": 40.0}, lambda x: np.ptp(np.flatnonzero((x > 0).any(axis=(0, 2))))),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_it_draws_from_what_the_single_image_function_draws_from(discs, settings, statistic):
    image = discs.images[1]
    wanted = CellAugmentation(**{**OFF, **settings})
    one_by_one = [statistic(augment_image(image, wanted, random_state=i)) for i in range(150)]
    stack = np.repeat(image[None], 150, axis=0)
    in_batch = [statistic(x) for x in augment_batch(stack, np.array([0, 1]), wanted).numpy()]
    spread = np.std(one_by_one)
    assert spread > 0
    assert abs(np.mean(one_by_one) - np.mean(in_batch)) < 0.45 * spread
    assert np.std(in_batch) == pytest.approx(spread, rel=0.35)
