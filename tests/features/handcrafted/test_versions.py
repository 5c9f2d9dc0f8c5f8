"""Rows of an older segmentation are not mixed with those of today's."""

import dataclasses

import pytest

import leukfeat as lf
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features.handcrafted.spec import version_of


def test_features_of_an_older_version_are_another_space(tmp_path):
    cells = lf.make_cells(8, 24, size=64, random_state=0)
    given = {"families": "colour", "cache": tmp_path, "progress": False}
    new = lf.extract_handcrafted(cells, **given)
    assert new.spec.version == version_of("default")
    old = lf.extract_handcrafted(cells, **given)
    old.spec = dataclasses.replace(old.spec, version=1)
    head = lf.fit_head(old, "logistic_regression", tune=False, calibrate=False)
    with pytest.raises(SpecMismatchError, match="version: 1 != 3"):
        head.predict(new)
    with pytest.raises(SpecMismatchError, match="version: 1 != 3"):
        lf.CellClassifier(head).predict(cells, progress=False)
