"""Importing the package costs next to nothing, and every public name is there."""

import ast
import subprocess
import sys
from pathlib import Path

import leukfeat

HEAVY = ("tensorflow", "keras", "cv2", "sklearn", "scipy", "pandas", "numpy", "matplotlib", "h5py")


def test_import_is_light():
    code = f"import leukfeat, sys; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_loads():
    missing = []
    for name in leukfeat.__all__:
        try:
            getattr(leukfeat, name)
        except (ImportError, AttributeError) as error:
            missing.append(f"{name}: {error}")
    assert not missing


def test_the_stub_names_what_the_rooms_export():
    stub = ast.parse(Path(leukfeat.__file__).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if not isinstance(node, ast.AnnAssign)]
    for node in imports:
        assert isinstance(node, ast.ImportFrom)
        room = __import__(f"leukfeat.{node.module}", fromlist=["__all__"])
        for alias in node.names:
            assert alias.asname == alias.name
            assert alias.name in room.__all__, f"{alias.name} is not in leukfeat.{node.module}"
