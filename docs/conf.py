from pathlib import Path
from re import search

_INIT = Path(__file__).parent.parent / "bizosaas_xero" / "__init__.py"

project = "bizosaas-xero"
author = "bizosaas-xero contributors"
release = search(r'__version__ = "(.+)"', _INIT.read_text(encoding="utf-8"))[1]
version = release

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_build"]
language = "en"
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3  # so that a page may be linked to as GitHub does: page.md#heading

html_theme = "furo"
html_title = f"bizosaas-xero {release}"
