import re
from html.parser import HTMLParser

import pytest

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
    text = path.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "http" not in text.replace("data:image", "")
    assert "<script" not in text
    parser = _Balance()
    parser.feed(text)
    assert parser.open == []
    assert [p.name for p in tmp_path.iterdir()] == ["result.html"]
    for said in ("Audit", "Results", "Comparison", "Subjects", "Calibration", "colour only"):
        assert said in text
    assert str(result["auroc"]) in text
    assert text.count("<img") >= 5
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
