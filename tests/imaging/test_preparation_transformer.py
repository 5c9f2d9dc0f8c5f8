import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from leukfeat.imaging import Preparation, PreparationTransformer


def mean_colours(images):
    return np.array([image.mean(axis=(0, 1)) for image in images])


def pipeline(chain):
    means = FunctionTransformer(mean_colours)
    return make_pipeline(PreparationTransformer(chain), means, LogisticRegression(C=100))


@pytest.fixture
def images():
    """Red and blue ones of several sizes, of equal mean when their colours are balanced."""
    rng = np.random.default_rng(0)
    made = []
    for k in range(16):
        image = rng.integers(90, 110, (20 + k, 24, 3), dtype=np.uint8)
        image[..., 2 * (k % 2)] += 100
        made.append(image)
    return made, np.arange(16) % 2


def test_every_image_is_prepared_by_itself(images):
    chain = Preparation("gray_world", ("median_blur", {"size": 3}))
    step = clone(pipeline(chain))[0]
    for one, image in zip(step.transform(images[0]), images[0], strict=True):
        np.testing.assert_array_equal(one, chain(image))
    assert step.get_params()["preparation"] == chain


def test_a_search_compares_preparations(images):
    X, y = images
    keeps, loses = Preparation(("median_blur", {"size": 3})), Preparation("gray_world")
    search = GridSearchCV(
        pipeline(loses), {"preparationtransformer__preparation": [loses, keeps]}, cv=4
    )
    search.fit(X, y)
    assert search.best_params_["preparationtransformer__preparation"] == keeps
    assert search.best_score_ == 1
    assert search.predict(X).tolist() == y.tolist()


@pytest.mark.parametrize("given", [None, "clahe", ("clahe", {})])
def test_what_is_no_preparation_is_refused(given, images):
    with pytest.raises(ValueError, match="'preparation' parameter of PreparationTransformer"):
        PreparationTransformer(given).fit(images[0])
