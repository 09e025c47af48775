"""Options of the whole test run, what it inherits, and how its files are shared out between processes."""

import os
import signal

from hypothesis import HealthCheck, settings

# how long one example takes says what else the machine does, not whether the code is right
settings.register_profile("any-load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-load")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a shell script's background: what the tests start and stop by Ctrl-C would never hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

BROWSER = "tests/browser/"

if "PYTEST_XDIST_WORKER" in os.environ:
    # more processes than cores: read by OpenMP when torch is imported, and by what the tests start
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser):
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the golden payloads that are missing; none that exists is ever changed",
    )


def pytest_collection_modifyitems(items):
    """What drives a browser takes longest, so it comes first."""
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


def pytest_xdist_make_scheduler(config, log):
    """A file stays in one process; a folder of browser tests, too, whose files share a server."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return file.rpartition("/")[0] if file.startswith(BROWSER) else file

    return ByFile(config, log)
