"""Examples for a decision, and the map of the cells."""

import numpy as np
import pandas as pd
import pytest

from leukfeat import FeatureSet, FeatureSpec
from leukfeat.evaluation import nearest_training_cells, plot_feature_map
from leukfeat.exceptions import SpecMismatchError


def test_neighbours_are_those_of_a_full_search(make_features):
    features = make_features(n_subjects=20)
    first = np.isin(features.subjects, np.unique(features.subjects)[::2])
    training, cells = features[first], features[~first]
    table = nearest_training_cells(training, cells, n_neighbors=4)
    a = training.X - training.X.mean(0)
    b = cells.X - training.X.mean(0)
    cosine = (b @ a.T) / np.outer(np.linalg.norm(b, axis=1), np.linalg.norm(a, axis=1))
    expected = np.sort(cosine, axis=1)[:, ::-1][:, :4]
    np.testing.assert_allclose(table["cosine"].to_numpy().reshape(-1, 4), expected, atol=1e-5)
    assert table["rank"].tolist() == [1, 2, 3, 4] * len(cells)
    at = table["training_cell"].to_numpy()
    assert (table["subject"].to_numpy() == training.subjects[at]).all()
    assert (table["label"] == np.array(training.class_names)[training.y[at]]).all()


def test_the_cells_own_subject_and_image_are_no_examples(make_features):
    features = make_features(n_subjects=8)
    table = nearest_training_cells(features, features, n_neighbors=3)
    assert len(table) == 3 * len(features)
    assert not (table["subject"].to_numpy() == features.subjects[table["cell"]]).any()
    nameless = FeatureSet(features.X, features.y, ids=features.ids)
    table = nearest_training_cells(nameless, nameless, n_neighbors=1)
    assert (table["cell"] != table["training_cell"]).all()


def test_few_training_cells_give_what_there_is():
    training = FeatureSet([[1, 0], [0, 1], [1, 1]], [0, 1, 1])
    table = nearest_training_cells(training, FeatureSet([[1, 2]]), n_neighbors=9)
    assert table["training_cell"].nunique() == 3


def test_wrong_questions():
    one = FeatureSet([[1, 2], [2, 1]], [0, 1], spec=FeatureSpec())
    other = FeatureSet([[1, 2]], spec=FeatureSpec(crop=224))
    with pytest.raises(SpecMismatchError, match="crop"):
        nearest_training_cells(one, other)
    with pytest.raises(ValueError, match="n_neighbors"):
        nearest_training_cells(one, one, n_neighbors=0)
    with pytest.raises(ValueError, match="no labels"):
        nearest_training_cells(FeatureSet([[1, 2]]), one)


def test_the_map_says_how_much_the_patient_explains(make_features):
    spread = make_features(between=8.0, effect=0.0, n_subjects=6)
    plain = make_features(between=0.0, effect=0.0, n_subjects=6)
    shares = []
    for features in (spread, plain):
        figure = plot_feature_map(features, "subject")
        words = " ".join(text.get_text() for text in figure.texts)
        shares.append(int(words.split("subject explains ")[1].split(" %")[0]))
        assert f"{len(features)} cells" in words
    assert shares[0] > 80 > 40 > shares[1]


def test_the_map_by_label_and_by_what_is_missing(make_features):
    features = make_features(n_subjects=6)
    labels = [t.get_text() for t in plot_feature_map(features).axes[0].get_legend().get_texts()]
    assert [label.split()[0] for label in labels] == ["all", "hem"]
    features.columns = pd.DataFrame({"fold": [None, *(["a"] * (len(features) - 1))]})
    plot_feature_map(features, "fold")
    with pytest.raises(ValueError, match="no column 'ward'"):
        plot_feature_map(features, "ward")
    with pytest.raises(ValueError, match="three cells"):
        plot_feature_map(features[:2])
