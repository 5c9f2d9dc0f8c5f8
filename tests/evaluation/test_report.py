import html
import re
from html.parser import HTMLParser

import pytest
from sklearn.naive_bayes import GaussianNB

from leukfeat import cross_validate_heads
from leukfeat.evaluation import audit, evaluation_page, model_card


@pytest.fixture(scope="module")
def made(features):
    comparison = cross_validate_heads(features, "logistic_regression", tune=False, cv=3, n_splits=3)
    return comparison["logistic_regression"], comparison, audit(features, clues=False)


class _Balance(HTMLParser):
    void = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_file_without_network(made, tmp_path):
    result, comparison, audited = made
    path = result.to_html(tmp_path / "result.html", audit=audited, comparison=comparison)
    text = result.to_html(audit=audited, comparison=comparison)
    assert text.startswith("<!doctype html>")
    assert result.name in text
    assert comparison.to_html().startswith("<!doctype html>")
    text = path.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "http" not in text.replace("data:image", "")
    assert "<script" not in text
    parser = _Balance()
    parser.feed(text)
    assert parser.open == []
    assert [p.name for p in tmp_path.iterdir()] == ["result.html"]
    for said in (
        "Audit",
        "Results",
        "Comparison",
        "Left to a person",
        "Conformal sets",
        "cannot be promised from",
        "Subjects",
        "Calibration",
        "colour only",
    ):
        assert said in text
    plain = re.sub("<[^>]*>", "", text)
    assert str(result["auroc"]) in plain
    for said in (
        "Operating points",
        "sensitivity 0.95",
        "were split by subject into 3 folds, once",
        "Paired differences of AUROC, tested by subject. Difference: the figure of the first less",
        "of whose cells the largest part is called wrong. Right is the part of a subject",
        "Score of true is what the head gave",
        "Margin is the logarithm",
    ):
        assert said in html.unescape(plain)
    assert plain.count("fold 3") == 1, "the table of folds"
    assert "What logistic_regression said against what was found" in text
    assert text.count("<img") >= 6
    assert text.count('alt="') == text.count("<img")


def test_text_is_escaped(made):
    result, _, _ = made
    page = evaluation_page(result)
    page.words("<script>alert(1)</script>")
    assert "<script>alert" not in page.render()


def test_the_card_says_what_the_model_is_and_is_not(made):
    result, _, audited = made
    card = model_card(result, audit=audited)
    assert "Not a medical device" in card
    assert str(result["auroc"]) in card
    assert audited.verdict in card
    assert "screening study" in model_card(result, intended_use="A screening study.").lower()


def test_images_are_shown_only_if_asked(features, tmp_path):
    import cv2
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    from leukfeat import FeatureSet

    bare = cross_validate_heads(features, LogisticRegression(), n_splits=3)["LogisticRegression"]
    with pytest.raises(ValueError, match="images=True reads"):
        bare.to_html(tmp_path / "no.html", images=True)
    paths = [str(tmp_path / f"{i}.png") for i in range(len(features))]
    for path in paths[1:]:
        cv2.imwrite(path, np.full((30, 20, 3), 90, np.uint8))
    known = FeatureSet(
        features.X,
        features.y,
        subjects=features.subjects,
        class_names=features.class_names,
        positive="all",
        columns=pd.DataFrame({"path": paths}),
    )
    result = cross_validate_heads(known, LogisticRegression(), n_splits=3)["LogisticRegression"]
    without = result.to_html(tmp_path / "bare.html").read_text(encoding="utf-8")
    seen: list[tuple[int, ...]] = []

    def maps(image):
        seen.append(image.shape)
        return np.eye(4)

    shown = result.to_html(tmp_path / "shown.html", images=True, maps=maps)
    text = shown.read_text(encoding="utf-8")
    assert text.count("<figcaption>") == 12
    assert "orange for &#x27;all&#x27;, blue against it" in text
    assert "<figcaption>" not in without
    assert set(seen) == {(30, 20, 3)}
    assert "called" in text


def test_an_image_that_is_gone_is_said(tmp_path):
    import pandas as pd

    from leukfeat.evaluation.report_parts import wrong_images

    gone = pd.DataFrame({"path": [str(tmp_path / "a.png")], "true": ["hem"], "predicted": ["all"]})
    ((image, said),) = wrong_images(gone)
    assert not image.any()
    assert said == "a.png: hem, called all (cannot be read)"


def test_a_single_test_says_where_the_head_came_from(features, tmp_path):
    import numpy as np

    from leukfeat import evaluate, fit_head

    train = np.isin(features.subjects, np.unique(features.subjects)[::2])
    head = fit_head(features[train], "logistic_regression", tune=False, cv=3)
    result = evaluate(head, features[~train])
    page = result.to_html(tmp_path / "one.html")
    text = re.sub("<[^>]*>", "", page.read_text(encoding="utf-8"))
    assert f"fitted before on {int(train.sum())} cells of 20 subjects" in text
    assert "Operating points" not in text
    card = model_card(result)
    assert "- head: logistic_regression\n" in card
    assert f"- training: {int(train.sum())} cells of 20 subjects\n" in card
    assert f"a cell is called 'all' from a probability of {head.threshold_:.3f} on\n" in card


def test_the_card_says_features_and_split_and_wants_one_result(features):
    compared = cross_validate_heads(features, {"nb": GaussianNB()}, n_splits=3)
    card = model_card(compared["nb"])
    assert "Cross-validation, split 'group', 3 folds." in card
    assert "- threshold: none; the head's own decision" in card
    assert "- head: GaussianNB\n" in card
    assert "- of: the head fitted on the first of 3 training sides" in card
    with pytest.raises(TypeError, match=r"of one result: give comparison\['NAME'\]"):
        model_card(compared)
    with pytest.raises(KeyError, match="No head 'svm' was compared; there are: nb, "):
        compared["svm"]


def test_a_line_of_calibration_that_nothing_fixes_is_not_shown_as_a_number(make_features):
    cells = make_features(n_subjects=16, effect=60.0, controls=False)
    page = cross_validate_heads(cells, {"nb": GaussianNB()}, n_splits=2)["nb"].to_html()
    assert "not defined: no line fits best, since the probabilities part the classes" in page
