"""How the documentation is built: `sphinx-build -W docs docs/_build` with the `docs` extra installed."""

import re
from pathlib import Path

project = "Wengert"
author = "The Wengert authors"
version_file = Path(__file__).resolve().parents[1] / "wengert" / "version.py"
release = re.findall(r'release = "([^"]+)"', version_file.read_text())[0]
version = release

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"Wengert {release}"
