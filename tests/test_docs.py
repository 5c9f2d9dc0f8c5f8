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


def command_lines():
    """Lines of code in the README and the pages that call the program."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    blocks = {"README.md": "".join(re.findall(r"```bash\n(.*?)```", readme, re.S))}
    for page in sorted(DOCS.glob("*.rst")):
        text = page.read_text(encoding="utf-8")
        blocks[page.name] = "\n".join(re.findall(r"^ {3,}(.*)$", text, re.M))
    for name, block in blocks.items():
        whole = re.sub(r"\\\n\s*", " ", block)
        for line in re.findall(r"^\s*(leukfeat [^#\n]*)", whole, re.M):
            yield name, line.split()


def test_every_command_line_in_the_pages_can_be_given():
    from typer.main import get_command

    from leukfeat.cli.app import app

    lines = [*command_lines()]
    assert len(lines) > 10
    for page, words in lines:
        command, path = get_command(app), ["leukfeat"]
        for word in words[1:]:
            if word not in getattr(command, "commands", {}):
                break
            command, path = command.commands[word], [*path, word]
        assert len(path) > 1, (page, words)
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        options = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert options <= known, (page, words, options - known)


def test_every_test_that_the_pages_name_is_there():
    named = []
    for page in sorted(DOCS.glob("*.rst")):
        text = page.read_text(encoding="utf-8")
        named += re.findall(r"``(tests/[\w/]+\.py)::(test_\w+)``", text)
    assert len(named) > 30
    for file, test in named:
        source = (DOCS.parent / file).read_text(encoding="utf-8")
        assert f"def {test}(" in source, (file, test)
