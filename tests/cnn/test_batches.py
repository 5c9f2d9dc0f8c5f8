import itertools

import numpy as np
import pytest

from leukfeat.cnn import read_cells
from leukfeat.cnn.batches import n_steps, training_batches
from leukfeat.imaging import CellAugmentation


@pytest.fixture(scope="module")
def images(discs):
    return read_cells(discs[:21], input_size=(16, 16))


def batches_of(images, n, **settings):
    numbers = np.arange(len(images))
    stream = training_batches(images, numbers, numbers.astype(np.float32), batch_size=8, **settings)
    return [tuple(part.numpy() for part in batch) for batch in itertools.islice(stream, n)]


def test_every_cell_once_an_epoch_in_another_order(images):
    steps = n_steps(len(images), 8)
    batches = batches_of(images, 2 * steps, augmentation=None)
    epochs = [np.concatenate([b[1] for b in part]) for part in (batches[:steps], batches[steps:])]
    for order in epochs:
        assert sorted(order) == list(range(21))
    assert list(epochs[0]) != list(epochs[1])


def test_pixels_belong_to_their_labels_and_weights(images):
    for pixels, labels, weights in batches_of(images, 3, augmentation=None):
        np.testing.assert_array_equal(pixels, images.pixels(labels))
        np.testing.assert_array_equal(weights, labels)


def test_a_later_epoch_does_not_need_the_earlier_ones(images):
    steps = n_steps(len(images), 8)
    settings = {"augmentation": CellAugmentation(), "random_state": 3}
    through = batches_of(images, 2 * steps, **settings)[steps:]
    taken_up = batches_of(images, steps, first_epoch=1, **settings)
    for one, other in zip(through, taken_up, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_seed_changes_order_and_augmentation(images):
    one, other = (
        batches_of(images, 3, augmentation=CellAugmentation(), random_state=seed) for seed in (0, 1)
    )
    assert any((a[1] != b[1]).any() for a, b in zip(one, other, strict=True))
