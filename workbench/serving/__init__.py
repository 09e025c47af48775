"""The servers behind `workbench serve` and `workbench lab`: this machine only, with a token.

port.py        a listening socket on 127.0.0.1, or a ServeError that says what to do
dashboards.py  Voila on the apps: home page, one kernel a visitor, one kept warm for the next
guarding.py    who may ask for what: Host header, known apps only, nothing of one visitor for another
kernels.py     kernels that nobody uses are ended
lab.py         JupyterLab on the notebooks
templates/     home page, sign-in, error and loading screen
"""

import sys

# jsonschema, which all of Jupyter imports, would build the grammar of international addresses (RFC 3987) at
# once. That takes seconds, and no schema of Jupyter's asks for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
