"""The report in a browser without a window: nothing is wider than the window, and it prints."""

import html
import json
import re
import shutil
import subprocess

import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import cross_validate_heads
from leukfeat.evaluation import audit

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")

ASK = """<script>
window.onload = () => {
  const said = [...document.querySelectorAll("iframe")].map(frame => {
    const d = frame.contentDocument;
    return {window: frame.clientWidth, page: d.documentElement.scrollWidth,
      broken: [...d.images].filter(i => !i.complete || !i.naturalWidth).length,
      images: d.images.length, links: [...d.querySelectorAll("nav a")].filter(
        a => !d.querySelector(a.getAttribute("href"))).length,
      asked: frame.contentWindow.performance.getEntriesByType("resource").filter(
        e => !e.name.startsWith("data:")).length};
  });
  document.getElementById("said").textContent = JSON.stringify(said);
};
</script>"""


def _run(*arguments):
    # In a container there is no sandbox to be had; what is shown is our own page.
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=True)


@pytest.fixture(scope="module")
def page(features, tmp_path_factory):
    comparison = cross_validate_heads(features, LogisticRegression(), n_splits=3)
    path = tmp_path_factory.mktemp("page") / "report.html"
    return comparison.to_html(path, audit=audit(features, clues=False))


def test_it_fits_every_window_and_asks_for_nothing(page, tmp_path):
    inside = html.escape(page.read_text(encoding="utf-8"), quote=True)
    frames = "".join(
        f'<iframe width="{width}" height="800" srcdoc="{inside}"></iframe>'
        for width in (1280, 400, 320)
    )
    harness = tmp_path / "harness.html"
    harness.write_text(f'<pre id="said"></pre>{frames}{ASK}', encoding="utf-8")
    shown = _run("--virtual-time-budget=8000", "--dump-dom", harness.as_uri()).stdout.decode()
    said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', shown, re.S)[1]))
    assert [one["window"] for one in said] == [1280, 400, 320]
    for one in said:
        assert one["page"] <= one["window"], "the page scrolls sideways"
        assert one["images"] >= 6
        assert one["broken"] == one["links"] == one["asked"] == 0


def test_it_prints(page, tmp_path):
    printed = tmp_path / "report.pdf"
    _run(f"--print-to-pdf={printed}", page.as_uri())
    assert printed.read_bytes().startswith(b"%PDF")
    assert printed.stat().st_size > 50_000


def test_no_heading_stands_alone_at_the_foot_of_a_page(page, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine")
    # Only those before a table: a figure is no text, and its heading the last text of its page.
    headings = {"Results", "Operating points", "Conformal sets", "Most wrong cells"}
    headings |= {"Suspected label errors", "Calibration"}
    written = page.read_text(encoding="utf-8")
    assert all(f">{name}</h2>" in written for name in headings)
    printed = tmp_path / "report.pdf"
    _run("--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    text = subprocess.run(["pdftotext", "-layout", printed, "-"], capture_output=True, check=True)
    pages = [one.strip().splitlines() for one in text.stdout.decode().split("\f")]
    last = [line.strip() for lines in pages if lines for line in lines[-2:]]
    assert len(last) > 6
    assert not headings & set(last)
