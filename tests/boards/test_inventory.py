"""The list of boards: what is stored, what is refused, and what a damaged file says."""

import pytest

from workbench.boards.inventory import Board, Inventory
from workbench.errors import SettingError, UnknownNameError, WorkbenchError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJo9iT0T2CJ3hUuzSZq0sOeVZvxqHqNBxPYmfNwaTfHB"


def test_local_is_always_there(tmp_path):
    assert [board.name for board in Inventory(tmp_path / "none.toml").boards()] == ["local"]


def test_what_is_added_comes_back(tmp_path):
    inventory = Inventory(tmp_path / "deep" / "boards.toml")
    pi, orin = Board("pi5", "pi@192.168.1.20", KEY), Board("orin.lab", "nv@orin:2222", KEY, "python3.10")
    inventory.add(pi)
    inventory.add(orin)
    again = Inventory(inventory.path)
    assert again.boards()[1:] == (pi, orin)
    again.remove("pi5")
    assert [board.name for board in inventory.boards()] == ["local", "orin.lab"]


def test_nothing_secret_is_stored(tmp_path):
    inventory = Inventory(tmp_path / "boards.toml")
    inventory.add(Board("pi5", "pi@host", KEY))
    assert set(inventory.path.read_text().split()) >= {"address", "host_key"}
    assert "password" not in inventory.path.read_text().replace("passwords are never stored", "")


@pytest.mark.parametrize(
    ("address", "user", "host", "port"),
    [
        ("pi@192.168.1.20", "pi", "192.168.1.20", None),
        ("orin", None, "orin", None),
        ("a.b@c-d.local:2222", "a.b", "c-d.local", 2222),
        ("pi@[fe80::1%eth0]:22", "pi", "fe80::1%eth0", 22),
    ],
)
def test_addresses(address, user, host, port):
    board = Board("x", address)
    assert (board.user, board.host, board.port) == (user, host, port)


@pytest.mark.parametrize(
    "address",
    ["", "pi@", "@host", "-oProxyCommand=x@host", "pi@-host", "pi@ho st", "pi@host:0", "pi@host:70000",
     "pi@h;rm", "$(x)@host", "pi@host\n", "pi@host:ab"],
)  # fmt: skip
def test_addresses_that_are_refused(address):
    with pytest.raises(SettingError, match="is no address"):
        Board("x", address)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 41, "a\n", "\x1b"])
def test_names_that_are_refused(name):
    with pytest.raises(SettingError, match="cannot name a board"):
        Board(name, "pi@host")


@pytest.mark.parametrize("python", ["python3; reboot", "$(reboot)", "-c", "`x`", "a b"])
def test_pythons_that_are_refused(python):
    with pytest.raises(SettingError, match="is no path of a Python"):
        Board("x", "pi@host", KEY, python)


def test_host_keys_that_are_refused():
    with pytest.raises(SettingError, match="is no host key"):
        Board("x", "pi@host", 'ssh-ed25519 "AAAA')


def test_local_can_be_neither_added_nor_removed(tmp_path):
    inventory = Inventory(tmp_path / "boards.toml")
    with pytest.raises(SettingError, match="always there"):
        inventory.add(Board("local", "pi@host"))
    with pytest.raises(SettingError, match="cannot be removed"):
        inventory.remove("local")


def test_unknown_name_offers_the_nearest(tmp_path):
    inventory = Inventory(tmp_path / "boards.toml")
    inventory.add(Board("pi5", "pi@host", KEY))
    with pytest.raises(UnknownNameError, match="did you mean 'pi5'") as caught:
        inventory.get("pi4")
    assert "workbench board add pi4 user@host" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[boards", "boards = 3", "[boards.x]\n", "[boards.x]\naddress = 3\n", '[boards]\nx = "pi@host"\n'],
)
def test_damaged_file_says_where(tmp_path, text):
    path = tmp_path / "boards.toml"
    path.write_text(text)
    with pytest.raises(WorkbenchError, match="is damaged") as caught:
        Inventory(path).boards()
    assert str(path) in str(caught.value)


def test_file_with_a_bad_entry_is_told(tmp_path):
    path = tmp_path / "boards.toml"
    path.write_text('[boards.x]\naddress = "pi@ho st"\n')
    with pytest.raises(SettingError, match="is no address"):
        Inventory(path).boards()


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "boards.toml").mkdir()
    with pytest.raises(WorkbenchError, match="cannot be read"):
        Inventory(tmp_path / "boards.toml").boards()
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        Inventory(tmp_path / "file" / "boards.toml")._write({})
