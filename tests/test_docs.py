"""The reference pages name what the package exports."""

import ast
import re
from pathlib import Path

import pytest

import leukfeat

DOCS = Path(__file__).resolve().parents[1] / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not beside these tests")


def listed_names():
    text = (DOCS / "api.rst").read_text(encoding="utf-8")
    blocks = re.findall(r"\.\. autosummary::\n((?:(?: +.*)?\n)+)", text)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    # A name with a dot is that of a room (imaging.read_qupath), which the package does not export.
    return [line for line in lines if line and not line.startswith(":") and "." not in line]


def test_the_reference_lists_every_public_name_once():
    stub = ast.parse(Path(leukfeat.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    public = sorted(alias.name for node in imports for alias in node.names)
    assert public
    assert sorted(listed_names()) == public


def test_every_page_is_in_the_table_of_contents():
    index = (DOCS / "index.rst").read_text(encoding="utf-8").split()
    pages = {page.stem for page in DOCS.glob("*.rst")} - {"index", "sg_execution_times"}
    assert "own_backbone" in pages
    assert pages <= set(index)
