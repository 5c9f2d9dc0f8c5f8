import json
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import CellDataset, FeatureSet, cross_validate_heads, evaluate
from leukfeat.evaluation.cell_names import cell_names, short_names


@pytest.fixture
def with_paths(make_features):
    features = make_features(n_subjects=20, cells=6)
    paths = [f"/data/{s}/{i}.bmp" for i, s in enumerate(features.subjects)]
    return FeatureSet(
        features.X,
        features.y,
        subjects=features.subjects,
        ids=features.ids,
        controls=features.controls,
        class_names=features.class_names,
        positive="all",
        columns=pd.DataFrame({"path": pd.Series(paths, dtype=object)}),
        skipped=pd.DataFrame(
            {"path": [f"/data/H2/bad{i}.bmp" for i in range(5)], "reason": ["is empty"] * 5}
        ),
    )


def test_a_path_comes_before_a_digest_and_a_digest_before_a_row():
    columns = pd.DataFrame({"path": pd.Series(["a.bmp", None, None], dtype=object)})
    features = FeatureSet(np.eye(3), ids=["f0", "f1", None], columns=columns)
    assert cell_names(features).tolist() == ["a.bmp", "f1", "row 2"]
    images = [np.zeros((4, 4, 3), np.uint8), "b.bmp"]
    assert cell_names(CellDataset.from_arrays(images)).tolist() == ["row 0", "b.bmp"]


def test_short_names_can_be_read_and_written():
    folder = os.path.join(os.sep, "data", "x")
    digest = "0123456789abcdef" * 4
    one = os.path.join(folder, "a", "1.bmp")
    two = os.path.join(folder, "b", os.fsdecode(b"\xff.bmp"))
    short = short_names([one, two, digest])
    assert short[0] == os.path.join("a", "1.bmp")
    assert short[2] == "0123456789ab"
    "".join(short).encode("utf-8")
    assert short_names([one]) == ["1.bmp"]


def test_the_most_wrong_and_the_suspects_are_called_by_their_images(with_paths, tmp_path):
    comparison = cross_validate_heads(with_paths, LogisticRegression(), n_splits=3)
    result = comparison["LogisticRegression"]
    wrong = result.most_wrong(3)
    paths = with_paths.columns["path"].to_numpy(object)
    assert wrong["path"].tolist() == paths[wrong["cell"]].tolist()
    every = result.to_dict()["most_wrong"]
    missed = (result.predictions.predicted != result.predictions.y).sum()
    assert len(every) == len(result.most_wrong(None)) == missed
    suspects = result.suspected_label_errors()
    assert suspects["path"].tolist() == paths[suspects["cell"]].tolist()
    page = result.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert wrong["path"][0].removeprefix("/data/") in page
    assert "Suspected label errors" in page
    head = LogisticRegression().fit(with_paths.X[:60], with_paths.y[:60])
    subjects = with_paths.subjects[60:]
    plain = evaluate(head, with_paths.X[60:], with_paths.y[60:], subjects=subjects)
    assert "path" not in plain.most_wrong(1)
    plain.predictions.scores[:] *= 3
    with pytest.raises(ValueError, match="gives no probabilities"):
        plain.suspected_label_errors()


def test_all_that_is_left_out_is_named(with_paths, tmp_path):
    with_paths.y[:4] = -1
    comparison = cross_validate_heads(with_paths, LogisticRegression(), n_splits=3)
    result = comparison["LogisticRegression"]
    assert "5 files were left out: H2/bad0.bmp, H2/bad1.bmp, H2/bad2.bmp and 2 more" in result.notes
    assert any("4 unlabelled cells are left out: " in note for note in result.notes)
    assert len(result.left_out) == 9
    held = json.loads(json.dumps(result.to_dict()))
    assert {"path": "/data/H2/bad4.bmp", "reason": "is empty"} in held["left_out"]
    page = comparison.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (result.to_markdown(), comparison.to_markdown(), page):
        assert "H2/bad4.bmp" in text
        assert "no label" in text
