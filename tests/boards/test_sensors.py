"""Sensors on trees like those of a Pi 5 and an Orin, whose heat and throttle bits change during a run."""

import asyncio
import contextlib
import dataclasses
import stat

import pytest

from workbench.boards.agent import Sensors
from workbench.boards.inventory import Board
from workbench.boards.session import Burst, open_board
from workbench.boards.statistics import summarise


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def tool(root, name, script):
    path = root / "usr/bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def pi5(tmp_path):
    root = tmp_path / "pi5"
    put(root, {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/meminfo": "MemTotal:        8256000 kB\nMemFree: 1 kB\nMemAvailable:    7000000 kB\n",
        "proc/sys/kernel/random/boot_id": "0c1d\n",
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "48650\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
        "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "0\n",
    })  # fmt: skip
    tool(
        root,
        "vcgencmd",
        """case "$1" in
get_throttled) cd "$(dirname "$0")/../../sys/devices/platform/soc"
  echo throttled=0x$(cat soc:firmware/get_throttled);;
measure_temp) cd "$(dirname "$0")/../../sys/class/thermal/thermal_zone0"
  read milli < temp; echo "temp=$(((milli + 50) / 1000)).$(((milli + 50) % 1000 / 100))'C";;
pmic_read_adc) printf '     3V3_SYS_A current(1)=0.10000000A\\n     3V3_SYS_V volt(9)=3.30000000V\\n';
  printf '  VDD_CORE_A current(7)=2.00000000A\\n  VDD_CORE_V volt(15)=0.90000000V\\n'
  printf '     EXT5V_V volt(24)=5.1V\\n';;
esac""",
    )
    return root


@pytest.fixture
def orin(tmp_path):
    root = tmp_path / "orin"
    rail = "sys/bus/i2c/devices/1-0040/hwmon/hwmon5"
    put(root, {
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        "proc/meminfo": "MemTotal: 7990000 kB\nMemAvailable: 5000000 kB\n",
        "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "51000\n",
        "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
        "sys/class/thermal/thermal_zone1/temp": "99000\n",
        "sys/class/thermal/thermal_zone8/type": "tj-thermal\n",
        "sys/class/thermal/thermal_zone8/temp": "53500\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1510400\n",
        "sys/class/devfreq/17000000.gpu/cur_freq": "624750000\n",
        f"{rail}/in1_label": "VDD_CPU_GPU_CV\n",
        f"{rail}/in1_input": "5000\n", f"{rail}/curr1_input": "400\n",
        f"{rail}/in2_label": "VDD_IN\n", f"{rail}/in2_input": "5008\n", f"{rail}/curr2_input": "1200\n",
        "sys/class/hwmon/hwmon1/name": "soctherm_oc\n",
        "sys/class/hwmon/hwmon1/oc1_event_cnt": "2\n", "sys/class/hwmon/hwmon1/oc3_event_cnt": "1\n",
    })  # fmt: skip
    tool(root, "nvpmodel", "printf 'NV Power Mode: 15W\\n0\\n'")
    return root


def test_pi5(pi5):
    sensors = Sensors(str(pi5))
    machine = sensors.machine()
    assert machine["model"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert machine["memory_bytes"] == 8256000 * 1024
    assert machine["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert (machine["governor"], machine["top_clock_hz"], machine["boot_id"]) == ("ondemand", 2.4e9, "0c1d")
    found = sensors.sample(1.5)
    assert (found["t"], found["temperature_c"], found["clock_hz"]) == (1.5, 48.65, 2.4e9)
    assert (found["throttled"], found["undervolted"], found["power_w"]) == (0, 0, None)
    thorough = sensors.thorough(0)
    assert thorough["temperature_c"] == 48.7
    assert thorough["power_w"] == pytest.approx(0.1 * 3.3 + 2.0 * 0.9)


def test_pi5_throttled(pi5):
    put(pi5, {
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n",
        "sys/class/thermal/thermal_zone0/temp": "85100\n",
    })  # fmt: skip
    found = Sensors(str(pi5)).thorough(0)
    assert found["throttled"] == 0x50005
    assert found["undervolted"] == 1


def test_orin(orin):
    sensors = Sensors(str(orin))
    machine = sensors.machine()
    assert machine["jetpack"] == "# R36 (release)"
    assert machine["power_mode"] == "NV Power Mode: 15W 0"
    found = sensors.sample(0)
    assert found["temperature_c"] == 53.5
    assert found["power_w"] == pytest.approx(5.008 * 1.2)
    assert (found["gpu_clock_hz"], found["overcurrent_events"]) == (624750000, 3)
    assert found["throttled"] is None


def test_board_that_tells_nothing(tmp_path):
    sensors = Sensors(str(tmp_path))
    assert {key for key, value in sensors.sample(0).items() if value is not None} == {"t"}
    assert sensors.thorough(0)["power_w"] is None
    assert sensors.machine()["model"] is None


@pytest.mark.parametrize(
    ("files", "machine", "words"),
    [
        ({"/proc/self/comm": "qemu-aarch64-st"}, "aarch64", "runs inside qemu-aarch64-st"),
        ({"/proc/self/comm": "python3", "/proc/sys/kernel/arch": "x86_64"}, "aarch64", "emulated aarch64"),
        ({"/proc/device-tree/model": "linux,dummy-virt"}, "aarch64", "a QEMU machine"),
        ({"/proc/sys/kernel/arch": "aarch64"}, "aarch64", None),
        ({"/proc/sys/kernel/arch": "aarch64"}, "armv7l", None),
        ({}, "x86_64", None),
    ],
)
def test_emulators_are_told_from_boards(monkeypatch, files, machine, words):
    sensors = Sensors("/")
    monkeypatch.setattr(sensors, "_text", files.get)
    monkeypatch.setattr("workbench.boards.agent.platform.machine", lambda: machine)
    found = sensors._emulated()
    assert found is None if words is None else words in found


def test_files_that_hold_nonsense(pi5):
    put(pi5, {
        "sys/class/thermal/thermal_zone0/temp": "hot\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "<unknown>\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "\n",
    })  # fmt: skip
    found = Sensors(str(pi5)).sample(0)
    assert (found["temperature_c"], found["clock_hz"], found["throttled"]) == (None, 1.5e9, None)


@pytest.mark.parametrize(("tree", "watts"), [("pi5", 0.1 * 3.3 + 2.0 * 0.9), ("orin", 5.008 * 1.2)])
def test_energy_of_an_inference(tree, watts, request, picture, relu, lock):
    """Power times the time at work: by files during the runs, or by the tool while further inferences run."""
    root = request.getfixturevalue(tree)

    async def scenario():
        async with open_board(Board("local", ""), lock=lock, root=str(root)) as session:
            name, _provider = await session.load_network(relu)
            given = await session.put(picture)
            rows, samples = [], []
            async for part in session.burst(name, given, None, runs=20, warmups=1, stall_s=60):
                if isinstance(part, Burst):
                    return rows, samples, part.watts
                rows += part.rows
                samples += part.samples

    rows, samples, asked = asyncio.run(scenario())
    assert asked == (pytest.approx(watts) if tree == "pi5" else None)
    if tree == "orin":  # so few runs end before a file is read in between
        samples[1:1] = [dataclasses.replace(samples[0], time_s=samples[0].time_s + 1e-6)]
    run = summarise("split", "burst", rows, samples, watts=asked)
    assert run.energy_j == pytest.approx(watts * run.stages["edge"].median)
    assert all(row.encode_s == 0 for row in run.rows)


@pytest.mark.parametrize("tree", ["pi5", "orin"])
def test_heat_during_a_run_is_seen_and_spoils_its_rows(tree, request, slow_network, picture, lock):
    """The tree is changed while the agent measures: the rows before stay clean, those after are marked."""
    root = request.getfixturevalue(tree)
    hot = {
        "pi5": {
            "sys/class/thermal/thermal_zone0/temp": "85500\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "80008\n",
        },
        "orin": {
            "sys/class/thermal/thermal_zone8/temp": "97000\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "729600\n",
            "sys/class/hwmon/hwmon1/oc3_event_cnt": "9\n",
        },
    }[tree]

    async def scenario():
        async with open_board(Board("local", ""), lock=lock, root=str(root)) as session:
            assert session.kind == "emulated"
            assert "sensors are read from" in session.facts["emulated"]
            name, _provider = await session.load_network(slow_network)
            given = await session.put(picture)
            rows, samples, clean = [], [], 0
            burst = session.burst(name, given, None, runs=100_000, warmups=1, stall_s=60)
            async with contextlib.aclosing(burst) as parts:
                async for part in parts:
                    rows += part.rows
                    samples += part.samples
                    heated = sum(sample.temperature_c > 85 for sample in samples)
                    if not clean and min(len(rows), len(samples)) >= 6:
                        clean = len(rows)
                        put(root, hot)
                    elif heated >= 6:
                        return rows, samples, clean

    rows, samples, clean = asyncio.run(scenario())
    run = summarise("split", "burst", rows, samples)
    spoilt = [place for place, row in enumerate(run.rows) if row.spoilt]
    assert spoilt == list(range(spoilt[0], len(rows))) and spoilt[0] >= clean - 1
    reasons = {reason for row in run.rows for reason in row.spoilt}
    assert "clock moved" in reasons
    assert ("temperature limit" if tree == "pi5" else "overcurrent") in reasons
    assert max(sample.temperature_c for sample in samples) > 85
    assert run.stages["edge"].n == len(rows) - len(spoilt)
