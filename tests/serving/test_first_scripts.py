"""All pieces that a page needs before its first widget, as one script."""

from jupyter_core.paths import jupyter_path
from voila.paths import collect_static_paths

from workbench.serving.first_scripts import GIVES_UP, LISTED, FirstScripts

HERE = {
    "static": collect_static_paths(["voila", "nbconvert"], "lab"),
    "labextensions": [*jupyter_path("labextensions"), *jupyter_path("voila", "labextensions")],
}


def test_each_piece_runs_in_a_function_of_its_own_in_the_order_of_the_list(tmp_path):
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in (near, far, near / "@them" / "static"):
        folder.mkdir(parents=True)
    (near / "1.js").write_text('"use strict";first()')
    (far / "1.js").write_text("shadowed()")
    (far / "2.js").write_text("second() // no end of line")
    (near / "@them" / "static" / "3.js").write_text("third()")
    folders = {"static": [str(near), str(far)], "labextensions": [str(near)]}
    names = ("labextensions/@them/static/3.js", "static/2.js", "static/none.js", "other/1.js", "static/1.js")
    scripts = FirstScripts(folders, names)
    assert scripts.content == (
        b"!function(){third()\n}();\n"
        b"!function(){second() // no end of line\n}();\n"
        b'!function(){"use strict";first()\n}();\n'
    )
    (near / "1.js").write_text('"use strict";changed()')
    assert FirstScripts(folders, names).version != scripts.version
    config = scripts.into_page({"baseUrl": "/"}, base_url="/lab/", log=None)
    assert config == {"baseUrl": "/", "firstScript": f"/lab/voila/first.js?v={scripts.version}"}


def test_the_place_that_gives_up_on_a_model_is_mended():
    """In the pinned ipywidgets there is one; what it does then is tried in `tests/browser`."""
    content = FirstScripts(HERE).content
    assert content.count(GIVES_UP) == content.count(b"return this._models[arguments[0]];" + GIVES_UP) == 1


def test_every_listed_piece_is_installed():
    """Else the list is older than the tightly pinned screen stack: open a page and list what it asks for."""
    assert len(LISTED) == len(set(LISTED)) == 86
    missing = [name for name in LISTED if not FirstScripts(HERE, (name,)).content]
    assert missing == []
    assert 4_000_000 < len(FirstScripts(HERE).content) < 5_000_000
