import numpy as np
from sklearn.naive_bayes import GaussianNB

from leukfeat import cross_validate_heads
from leukfeat.evaluation.beyond_controls import beyond_controls


def test_a_head_that_knows_no_more_than_colour_is_said_to(make_features):
    found = cross_validate_heads(make_features(effect=0.0, colour=2.0), GaussianNB(), n_splits=3)
    (said,) = beyond_controls(found.results, {"colour only": found["colour only"]})
    assert "GaussianNB is not shown to be better than colour only: AUROC 0." in said
    assert said in found.to_markdown()
    assert said in found._repr_html_()
    assert said in found.to_dict()["notes"]
    assert said in found["GaussianNB"].to_markdown()
    assert said in found["GaussianNB"].to_html()
    low = found.differences("auroc").query("second == 'colour only'")["low"].iloc[0]
    assert f"({low:+.3f} to" in said


def test_a_head_that_knows_more_is_not(make_features):
    found = cross_validate_heads(make_features(effect=2.0), GaussianNB(), n_splits=3)
    assert beyond_controls(found.results, found.controls) == ()


def test_many_classes_and_several_heads(make_features):
    cells = make_features(effect=0.0, classes=("a", "b", "c"))
    found = cross_validate_heads(cells, {"one": GaussianNB(), "two": GaussianNB()}, n_splits=3)
    said = beyond_controls(found.results, found.controls)
    assert len(said) == 2
    assert all(line.startswith("no head is shown to be better than") for line in said)
    assert all("AUROC" in line for line in said)
    assert np.isfinite(found["one"]["balanced_accuracy"].estimate)
