"""What all tests of codecs share: calibrated tables never go into the user's own folder."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _tables_in_a_folder_of_their_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_TABLES", str(tmp_path_factory.mktemp("tables")))
        yield
