"""Sphinx configuration."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import leukfeat

project = "leukfeat"
author = "The leukfeat developers"
copyright = "2026, The leukfeat developers"
version = release = leukfeat.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "README.md"]
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "leukfeat"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
# A page without pages below it needs no column that lists them.
html_sidebars = {
    page.stem: [] for page in Path(__file__).parent.glob("*.rst") if page.stem != "api"
}
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "show_memory": False,
    "min_reported_time": 1,
}
suppress_warnings = ["config.cache"]
