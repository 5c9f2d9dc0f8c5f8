"""Names that are code: shown as text in pages, and as text by spreadsheets."""

import csv
import shutil
import subprocess
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import leukfeat as lf
from leukfeat.cli.evaluate import _write as write_results
from leukfeat.evaluation import evaluation_page
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.feature_set import CONTROL_COLUMNS

MARK = "document.documentElement.dataset.mark='left'"
SCRIPTS = [
    f"<script>{MARK}</script>",
    f'"><img src=x onerror="{MARK}">',
    f"'><svg onload={MARK}>",
    f"</td></table></style></title><script>{MARK}</script>",
    "{{7*7}}<iframe srcdoc='<script>1</script>'>",
    f'" onmouseover="{MARK}" x="',
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def hostile_features(seed):
    generator = np.random.default_rng(seed)
    y = np.arange(48) // 4 % 2
    subjects = [f"{SCRIPTS[i // 4 % len(SCRIPTS)]} {seed} {i // 4}" for i in range(48)]
    return FeatureSet(
        generator.normal(size=(48, 4)) + 0.3 * y[:, None],
        y,
        subjects=subjects,
        controls=pd.DataFrame(
            generator.uniform(1, 200, (48, len(CONTROL_COLUMNS))), columns=list(CONTROL_COLUMNS)
        ),
        spec=FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
        class_names=(SCRIPTS[0], SCRIPTS[1]),
        positive=SCRIPTS[1],
    )


@pytest.fixture(scope="module")
def page():
    with warnings.catch_warnings():
        # Names this long leave the figures no room.
        warnings.filterwarnings("ignore", "constrained_layout", UserWarning)
        return hostile_page()


def hostile_page():
    head = lf.fit_head(hostile_features(0), "logistic_regression", tune=False)
    page = evaluation_page(lf.evaluate(head, hostile_features(1)))
    for text in SCRIPTS:
        page.section(text)
        page.words(text)
        page.notes([text])
        page.preformatted(text)
    page.title = SCRIPTS[3]
    return page.render()


class Parts(HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.text.append(data)


def test_a_page_shows_names_and_makes_no_tags_of_them(page):
    parts = Parts()
    parts.feed(page)
    assert not parts.tags & {"script", "svg", "iframe", "object", "embed", "link", "base", "form"}
    assert not [name for name in parts.attributes if name.startswith("on")]
    text = "".join(parts.text)
    for script in SCRIPTS:
        assert script in text


def marked_by(page, tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium here")
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
    shown = subprocess.run(
        [browser, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "<body" in shown.stdout, shown.stderr
    return 'data-mark="left"' in shown.stdout.split(">", 2)[1]


def test_a_browser_runs_nothing(page, tmp_path):
    assert not marked_by(page, tmp_path)


@pytest.mark.parametrize("script", SCRIPTS[:4])
def test_a_browser_would_have_run_it(script, tmp_path):
    page = f"<!doctype html><html><head></head><body><table><td a='{script}</body></html>"
    if script.startswith('"'):
        page = page.replace("a='", 'a="')
    elif not script.startswith("'"):
        page = page.replace("a='", "a=''>")
    assert marked_by(page, tmp_path)


@pytest.mark.filterwarnings("ignore:constrained_layout:UserWarning")
def test_tables_of_results_are_inert_too(tmp_path):
    head = lf.fit_head(hostile_features(0), "logistic_regression", tune=False)
    result = lf.evaluate(head, hostile_features(1))
    write_results(result, result.to_dict(), result.to_markdown(), tmp_path)
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "&lt;script>" in text
    assert "<" not in text
    assert not list(tmp_path.glob(".*"))


FORMULAS = [
    '=HYPERLINK("http://example.org?"&A1,"open")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
]


def test_no_table_that_is_written_holds_a_formula(tmp_path):
    cells = lf.CellDataset.from_arrays(
        [f"{formula}.png" for formula in FORMULAS], FORMULAS, FORMULAS, **{"=x": FORMULAS}
    )
    path = tmp_path / "cells.csv"
    lf.export_table(cells, path)
    with path.open(newline="", encoding="utf-8") as lines:
        found = [text for row in csv.reader(lines) for text in row]
    assert len(found) > 4 * len(FORMULAS)
    assert not [text for text in found if text.lstrip(" \t\r\n")[:1] in tuple("=+-@")]
    # A bare carriage return ends a row in many programs; what follows must not begin a cell.
    content = path.read_bytes()
    assert content.count(b"\"'\r=1+1") == 3
    # The path, which is written whole, stands in quotes too.
    whole = str(Path.cwd()).encode() + b"/\r=1+1.png"
    assert content.count(b'"' + whole + b'"') == content.count(b"\r=1+1") - 3 == 1
