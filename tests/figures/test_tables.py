"""Each chart's numbers as a table: text for people, and full numbers in a CSV that reads back."""

import csv
import io

from workbench.figures import tables
from workbench.records import Quantity, Trial


def read(table):
    """The CSV as a program would read it."""
    return list(csv.DictReader(io.StringIO(table.csv())))


def test_cuts(profile):
    table = tables.cut_table(profile)
    assert table.rows[0][:3] == ("conv1", "16x32x32", "65.5 kB")
    back = read(table)
    assert [row["fp32_bytes"] for row in back] == ["65536", "16384", "512"]
    assert back[2]["macs_before"] == "9000000"


def test_payload_parts_add_up(description):
    table = tables.payload_table(description)
    assert table.rows[2] == ("words", "300 B", "75.0 %", "rANS words")
    assert sum(int(row["nbytes"]) for row in read(table)) == description.payload_bytes


def test_reshapes_leave_empty_what_was_not_encoded(curve):
    table = tables.reshape_table(curve)
    back = {row["N"]: row for row in read(table)}
    assert back["8"]["encoded_bytes"] == "75" and back["16"]["encoded_bytes"] == ""
    assert back["16"]["visited_by_algorithm1"] == "True"
    rows = {row[0]: row for row in table.rows}
    assert rows["16"][-2:] == ("–", "yes") and rows["1"][-1] == "no"


def test_answers_and_the_trial(description, latencies, answers):
    split, board, server = latencies
    payload = Quantity(400.0, "bytes", "measured", "1 picture, with a comma")
    trial = Trial(
        "tiny", "trained", "layer2", "rans-csr", {}, "ble5", 1, {"payload_bytes": payload}, description,
        split, board, server, (answers[0],), (answers[1],),
    )  # fmt: skip
    classes = {row["class"]: row for row in read(tables.answer_table(trial))}
    assert classes["3"] == {"class": "3", "unsplit": "0.7", "from_payload": "0.4"}
    assert classes["0"]["unsplit"] == ""
    table = tables.trial_table(trial)
    back = {row["quantity"]: row for row in read(table)}
    assert back["payload_bytes"] == {
        "quantity": "payload_bytes",
        "value": "400.0",
        "unit": "bytes",
        "origin": "measured",
        "how": "1 picture, with a comma",
    }
    assert float(back["split.transfer_s"]["value"]) == 0.020
    assert "all_edge.transfer_s" not in back
    assert ("all_edge.edge_s", "50.0 ms", "", "measured", "median of 5 runs") in table.rows
