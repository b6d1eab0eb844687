"""How the documentation is built: `python -m sphinx -W docs docs/_build` with the `docs` extra installed."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from wengert.tools import operator_pages, reference_pages  # noqa: E402

project = "Wengert"
author = "The Wengert authors"
release = re.findall(r'release = "([^"]+)"', (HERE.parent / "wengert" / "version.py").read_text())[0]
version = release

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = f"Wengert {release}"
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_show_copyright = False

# Pages about operators and public names are not under version control: records and docstrings make them, here.
operator_pages.write(HERE / "operators")
reference_pages.write(HERE / "reference")
