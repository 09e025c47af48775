"""Options of the whole test run."""


def pytest_addoption(parser):
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the golden payloads that are missing; none that exists is ever changed",
    )
