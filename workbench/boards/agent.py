"""The agent: what runs on a board. One file, Python 3.8 syntax, nothing of the rest of the project.

It is sent over the channel's own stdin, lives in memory, and ends by itself: when its stdin closes, when its
lease runs out, when it is told to. It opens no port, and writes no file unless `board setup` made a folder.

    client ──▶ {"id": 2, "do": "tensor", "bytes": 12288, ...}\\n + 12288 bytes   one JSON object a line, then
           ──▶ {"id": 3, "do": "run", ...}\\n                          as many raw bytes as "bytes" says
    client ◀── {"id": 3, "kind": "rows", ...}\\n ... {"id": 3, "kind": "answer", ...}\\n   or kind "error"

One thread reads (and answers ping, renew and cancel at once), the main thread works. Times are of
`perf_counter_ns`; what is sent back is numbers, short texts and raw bytes, never code.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.abc
import importlib.util
import io
import json
import math
import os
import platform
import queue
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = (
    "1"  # before onnxruntime is imported anywhere: from 1.29 on it phones home
)

PROTOCOL = 1
MAX_LINE = 65536
MAX_BYTES = 2**30
MAX_THINGS = 256
MAX_RUNS = 100000
BATCH_ROWS = 100
POWER_READINGS = 10
BATCH_SECONDS = 0.2
DTYPES = ("float32", "float16", "uint8", "int64")
KEPT = "~/.local/share/workbench-board"  # made by `board setup` only


class Refused(Exception):
    """A request that cannot be served; `code` is what the client acts on."""

    def __init__(self, code: str, text: str, **more: Any) -> None:
        super().__init__(text)
        self.code = code
        self.more = more


class Cancelled(Exception):
    """The client asked to stop."""


# ---------------------------------------------------------------------------------------------- sensors


class Sensors:
    """Temperature, clocks, throttling and power, from files where there are files.

    Values are None where the board does not tell. `root` is "/" on every board, another folder in tests.
    """

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.zones = [
            (self._text(folder + "/type") or "?", folder + "/temp")
            for folder in self._glob("sys/class/thermal/thermal_zone*")
        ]
        self.clocks = self._glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        self.gpu_clocks = self._glob("sys/class/devfreq/*gpu*/cur_freq")
        self.firmware = self._first("sys/devices/platform/soc/soc:firmware/get_throttled")
        self.volt_alarm = self._hwmon_file("rpi_volt", "in0_lcrit_alarm")
        self.overcurrent = self._hwmon_glob("soctherm_oc", "oc*_event_cnt")
        self.rails = self._find_rails()
        self.vcgencmd = self._tool("vcgencmd")

    def _path(self, relative: str) -> str:
        return os.path.join(self.root, relative)

    def _glob(self, relative: str) -> list[str]:
        return sorted(glob.glob(self._path(relative)))

    def _first(self, relative: str) -> str | None:
        found = self._glob(relative)
        return found[0] if found else None

    def _text(self, path: str) -> str | None:
        try:
            with open(path, "rb") as file:
                return file.read(4096).replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            return None

    def _number(self, path: str | None, base: int = 10) -> int | None:
        text = self._text(path) if path else None
        try:
            return int(text, base) if text else None
        except ValueError:
            return None

    def _hwmon_folders(self, name: str) -> list[str]:
        return [
            folder for folder in self._glob("sys/class/hwmon/hwmon*") if self._text(folder + "/name") == name
        ]

    def _hwmon_glob(self, name: str, pattern: str) -> list[str]:
        return [
            path for folder in self._hwmon_folders(name) for path in sorted(glob.glob(folder + "/" + pattern))
        ]

    def _hwmon_file(self, name: str, leaf: str) -> str | None:
        found = self._hwmon_glob(name, leaf)
        return found[0] if found else None

    def _find_rails(self) -> list[tuple[str, str, str]]:
        """INA3221 rails as (name, millivolt file, milliampere file); VDD_IN, the whole board, first."""
        rails = []
        for label in self._glob("sys/bus/i2c/devices/*/hwmon/hwmon*/in*_label"):
            volt = label[: -len("_label")] + "_input"
            number = os.path.basename(label)[2 : -len("_label")]
            ampere = os.path.join(os.path.dirname(label), "curr%s_input" % number)
            if os.path.exists(volt) and os.path.exists(ampere):
                rails.append((self._text(label) or "?", volt, ampere))
        return sorted(rails, key=lambda rail: rail[0] != "VDD_IN")

    def _tool(self, name: str) -> str | None:
        if self.root == "/":
            return shutil.which(name)
        path = self._path("usr/bin/" + name)
        return path if os.access(path, os.X_OK) else None

    def _ask(self, *command: str) -> str:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=5,
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout[:8192].decode("utf-8", "replace")

    def temperature(self) -> float | None:
        """The hottest zone that is the processor's, in degrees Celsius."""
        wanted = [
            path for kind, path in self.zones if any(word in kind for word in ("cpu", "tj", "soc", "x86_pkg"))
        ]
        values = [self._number(path) for path in wanted or [path for _kind, path in self.zones]]
        known = [value / 1000.0 for value in values if value is not None]
        return max(known) if known else None

    def clock(self) -> float | None:
        """The fastest core's clock in Hz."""
        values = [self._number(path) for path in self.clocks]
        known = [value * 1000 for value in values if value is not None]
        return max(known) if known else None

    def gpu_clock(self) -> float | None:
        values = [self._number(path) for path in self.gpu_clocks]
        known = [value for value in values if value is not None]
        return max(known) if known else None

    def power(self) -> float | None:
        """Watts of the whole board, where a rail sensor tells."""
        if not self.rails:
            return None
        _name, volt, ampere = self.rails[0]
        millivolt, milliampere = self._number(volt), self._number(ampere)
        return None if millivolt is None or milliampere is None else millivolt * milliampere / 1e6

    def throttle_bits(self) -> int | None:
        """The firmware's bits (0 undervoltage, 1 capped, 2 throttled, 3 soft limit; 16-19: has happened)."""
        return self._number(self.firmware, 16)

    def sample(self, moment_s: float) -> dict[str, Any]:
        """What the board says at this moment, by files only: asking a tool would slow the work."""
        events = [self._number(path) for path in self.overcurrent]
        return {
            "t": moment_s,
            "temperature_c": self.temperature(),
            "clock_hz": self.clock(),
            "gpu_clock_hz": self.gpu_clock(),
            "power_w": self.power(),
            "throttled": self.throttle_bits(),
            "undervolted": self._number(self.volt_alarm),
            "overcurrent_events": sum(event or 0 for event in events) if events else None,
        }

    def thorough(self, moment_s: float) -> dict[str, Any]:
        """`sample`, and what only a tool tells; for before and after a run."""
        found = self.sample(moment_s)
        if self.vcgencmd:
            words = self._ask(self.vcgencmd, "get_throttled").partition("=")[2].strip()
            try:
                found["throttled"] = int(words, 16)
            except ValueError:
                pass
            words = self._ask(self.vcgencmd, "measure_temp").partition("=")[2].partition("'")[0]
            try:
                found["temperature_c"] = float(words)
            except ValueError:
                pass
            found["power_w"] = self.pmic_watts() if found["power_w"] is None else found["power_w"]
        return found

    def pmic_watts(self) -> float | None:
        """Sum over the rails of a Pi 5's power chip; None elsewhere."""
        volts: dict[str, float] = {}
        amperes: dict[str, float] = {}
        for line in self._ask(self.vcgencmd or "", "pmic_read_adc").splitlines():
            name, _, rest = line.strip().partition(" ")
            value = rest.partition("=")[2].rstrip("VA")
            try:
                (amperes if name.endswith("_A") else volts)[name[:-2]] = float(value)
            except ValueError:
                continue
        both = set(volts) & set(amperes)
        return sum(volts[name] * amperes[name] for name in both) if both else None

    def machine(self) -> dict[str, Any]:
        """What the board is: for people to read, and to name the result by."""
        cores = os.cpu_count() or 1
        memory = {}
        for line in (self._text(self._path("proc/meminfo")) or "").splitlines():
            name, _, value = line.partition(":")
            if name in ("MemTotal", "MemAvailable"):
                memory[name] = int(value.split()[0]) * 1024
        release = {}
        for line in (self._text(self._path("etc/os-release")) or "").splitlines():
            name, _, value = line.partition("=")
            release[name] = value.strip('"')
        cpu = [
            line
            for line in (self._cpuinfo() or "").splitlines()
            if line.lower().startswith(("model name", "hardware"))
        ]
        nvpmodel = self._tool("nvpmodel")
        mode = self._ask(nvpmodel, "-q").strip().replace("\n", " ") if nvpmodel else None
        top = [
            self._number(path)
            for path in self._glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
        ]
        return {
            "model": self._text(self._path("proc/device-tree/model"))
            or self._text(self._path("sys/class/dmi/id/product_name")),
            "processor": cpu[0].partition(":")[2].strip() if cpu else platform.processor() or None,
            "machine": platform.machine(),
            "os": release.get("PRETTY_NAME"),
            "kernel": platform.release(),
            "jetpack": ((self._text(self._path("etc/nv_tegra_release")) or "").partition(",")[0]) or None,
            "cores": cores,
            "memory_bytes": memory.get("MemTotal"),
            "free_memory_bytes": memory.get("MemAvailable"),
            "governor": self._text(self._path("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
            "power_mode": mode,
            "top_clock_hz": max([value for value in top if value], default=0) * 1000 or None,
            "boot_id": self._text(self._path("proc/sys/kernel/random/boot_id")),
            "emulated": self._emulated(),
        }

    def _cpuinfo(self) -> str | None:
        try:
            with open(self._path("proc/cpuinfo"), "rb") as file:
                return file.read(65536).decode("utf-8", "replace")
        except OSError:
            return None

    def _emulated(self) -> str | None:
        """Why times of this machine mean nothing, or None."""
        if self.root != "/":
            return "sensors are read from %s, not from the machine" % self.root
        comm = self._text("/proc/self/comm") or ""
        if comm.startswith("qemu"):
            return "this Python runs inside %s" % comm
        arch = self._text("/proc/sys/kernel/arch")
        names = {
            "amd64": "x86_64",
            "arm64": "aarch64",
            "i686": "x86_64",
            "i386": "x86_64",
            "armv7l": "aarch64",
            "armv8l": "aarch64",
        }
        here = platform.machine()
        if arch and names.get(arch, arch) != names.get(here, here):
            return "the kernel runs on %s, this Python on an emulated %s" % (arch, here)
        model = self._text("/proc/device-tree/model") or ""
        maker = self._text("/sys/class/dmi/id/sys_vendor") or ""
        if here == "aarch64" and ("dummy-virt" in model or "QEMU" in maker):
            return "a QEMU machine (%s)" % (model or maker)
        return None


# ---------------------------------------------------------------------------------------------- codecs


class MemorySources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules from a zip that never touches the disk."""

    def __init__(self, sources: dict[str, bytes], prefix: str) -> None:
        self.sources = sources
        self.prefix = prefix

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        base = self.prefix + fullname.replace(".", "/")
        for name, package in ((base + "/__init__.py", True), (base + ".py", False)):
            if name in self.sources:
                return importlib.util.spec_from_loader(
                    fullname, self, origin="board:" + name, is_package=package
                )
        return None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        origin = module.__spec__.origin
        module.__file__ = "/in-memory/" + origin[len("board:") :]
        exec(compile(self.sources[origin[len("board:") :]], origin, "exec"), module.__dict__)


def missing(module: str) -> bool:
    return module not in sys.modules and importlib.util.find_spec(module) is None


# ----------------------------------------------------------------------------------------------- agent


class Agent:
    """Serves one client until stdin closes."""

    def __init__(self, source: Any, sink: Any, config: dict[str, Any]) -> None:
        self.source = source
        self.sink = sink
        self.config = config
        self.lease_s = min(max(float(config.get("lease_s", 15)), 0.2), 600.0)
        self.renewed = time.monotonic()
        self.write_lock = threading.Lock()
        self.requests: queue.Queue[Any] = queue.Queue(64)
        self.cancelled: set[Any] = set()  # numbers of the requests that the client no longer wants
        self.current: tuple[int, Any] | None = None  # (number, run options) of the request at work
        self.lock: Any = None
        self.sensors = Sensors(str(config.get("root", "/")))
        self.blobs: dict[str, bytes] = {}
        self.tensors: dict[str, Any] = {}
        self.sessions: dict[str, Any] = {}
        self.codecs: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.files: list[int] = []
        self.runtime: Any = None
        self.step_state: Work | None = None

    # -- messages

    def send(self, request: int | None, kind: str, body: bytes = b"", **fields: Any) -> None:
        fields["id"], fields["kind"] = request, kind
        if len(body):
            fields["bytes"] = len(body)
        line = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with self.write_lock:
            self.sink.write(line)
            if len(body):
                self.sink.write(body)
            self.sink.flush()

    def read_forever(self) -> None:
        """Reader thread: parts of the protocol that must work while the main thread computes."""
        try:
            while True:
                line = self.source.readline(MAX_LINE + 1)
                if not line:
                    os._exit(0)
                if len(line) > MAX_LINE or not line.endswith(b"\n"):
                    raise ValueError("a line of more than %d bytes" % MAX_LINE)
                message = json.loads(line.decode("utf-8"))
                size = message.get("bytes", 0)
                if type(size) is not int or not 0 <= size <= MAX_BYTES:
                    raise ValueError("%r bytes announced" % (size,))
                body = self.read_body(size)
                self.renewed = time.monotonic()
                do = message.get("do")
                if do == "ping":
                    self.send(message.get("id"), "answer")
                elif do == "cancel":
                    self.cancel(message.get("of"))
                elif do == "stop":
                    os._exit(0)
                elif do != "renew":
                    self.requests.put((message, body), timeout=60)
        except Exception as error:
            self.last_words("garbled", "the agent could not read a message: %s" % error)

    def read_body(self, size: int) -> bytearray:
        body = bytearray()
        while len(body) < size:
            piece = self.source.read1(min(size - len(body), 2**20))
            if not piece:
                os._exit(0)
            body += piece
            self.renewed = time.monotonic()
        return body

    def last_words(self, code: str, text: str) -> None:
        try:
            self.send(None, "error", code=code, text=text[:2000])
        finally:
            os._exit(3)

    def watch_lease(self) -> None:
        while True:
            time.sleep(min(self.lease_s / 10, 1.0))
            if time.monotonic() - self.renewed > self.lease_s:
                os._exit(4)  # the client is gone and the link never said so

    def cancel(self, request: Any) -> None:
        self.cancelled.add(request)
        current = self.current
        if current is not None and current[0] == request:
            current[1].terminate = True  # ends an inference between two of its operators

    def serve(self) -> None:
        threading.Thread(target=self.read_forever, daemon=True).start()
        threading.Thread(target=self.watch_lease, daemon=True).start()
        self.send(0, "ready", workbench_agent=PROTOCOL, pid=os.getpid(), python=list(sys.version_info[:3]))
        while True:
            message, body = self.requests.get()
            request = message.get("id")
            if type(request) is not int:
                self.last_words("garbled", "a request without a number")
            handler = getattr(self, "do_%s" % message.get("do"), None)
            try:
                if handler is None:
                    raise Refused("garbled", "no request %r is known" % (message.get("do"),))
                handler(request, message, body)
            except Refused as refused:
                self.send(request, "error", code=refused.code, text=str(refused)[:2000], **refused.more)
            except Cancelled:
                self.send(request, "error", code="cancelled", text="cancelled")
            except MemoryError:
                self.forget()
                self.send(request, "error", code="memory", text="Python's memory allocation failed")
            except Exception as error:
                text = "%s: %s" % (type(error).__name__, error)
                self.send(request, "error", code=kind_of(text), text=text[:2000])

    def forget(self) -> None:
        for kept in (self.blobs, self.tensors, self.sessions, self.kept):
            kept.clear()

    # -- requests

    def do_hello(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        facts = self.sensors.machine()
        facts["pid"] = os.getpid()
        facts["python"] = platform.python_version()
        facts["executable"] = sys.executable
        facts["now"] = self.sensors.thorough(0.0)
        facts["set_up"] = os.path.isdir(os.path.expanduser(KEPT))
        facts["missing"] = [name for name in ("numpy", "onnxruntime", "numba", "zstandard") if missing(name)]
        self.send(request, "answer", facts=facts)

    def do_runtime(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """Imports numpy and onnxruntime; whatever kills the process here is told apart by the client."""
        started = time.perf_counter()
        for name in ("numpy", "onnxruntime"):
            if missing(name):
                raise Refused("missing", "%s is not installed for %s" % (name, sys.executable), module=name)
        try:
            self.runtime = load_runtime()
        except Exception as error:
            raise Refused(
                "missing", "onnxruntime cannot be imported: %s" % error, module="onnxruntime"
            ) from None
        import numpy

        facts = {
            "numpy": numpy.__version__,
            "onnxruntime": self.runtime.__version__,
            "providers": list(self.runtime.get_available_providers()),
            "telemetry_off": os.environ.get("ORT_DISABLE_TELEMETRY") == "1",
            "import_s": time.perf_counter() - started,
        }
        self.send(request, "answer", facts=facts)

    def do_begin(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """Take the board for a measurement; one at a time."""
        if self.lock is None:
            self.lock = take_lock(str(self.config.get("lock", "workbench-board")))
        self.send(request, "answer")

    def do_end(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        if self.lock is not None:
            self.lock.close()
            self.lock = None
        self.send(request, "answer")

    def do_blob(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        if hashlib.sha256(body).hexdigest() != message.get("sha256"):
            raise Refused("garbled", "the bytes that arrived are not those that were sent")
        if len(self.blobs) >= MAX_THINGS:
            raise Refused("limit", "more than %d things are held; end this session" % MAX_THINGS)
        self.blobs[str(message["name"])] = bytes(body)
        self.send(request, "answer")

    def do_tensor(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        import numpy

        if message["dtype"] not in DTYPES or len(self.tensors) >= MAX_THINGS:
            raise Refused("limit", "a tensor of %r, or more than %d" % (message["dtype"], MAX_THINGS))
        shape = [int(size) for size in message["shape"]]
        array = numpy.frombuffer(bytes(body), message["dtype"])
        self.tensors[str(message["name"])] = array.reshape(shape)
        self.send(request, "answer")

    def do_session(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """An onnxruntime session from bytes; the fastest provider there is unless one is named."""
        if self.runtime is None:
            raise Refused("garbled", "ask for the runtime first")
        available = self.runtime.get_available_providers()
        wanted = [str(name) for name in message.get("providers") or preferred(available)]
        unknown = [name for name in wanted if name not in available]
        if unknown:
            raise Refused(
                "provider", "no provider %s here; there are %s" % (unknown[0], ", ".join(available))
            )
        options = self.runtime.SessionOptions()
        options.log_severity_level = 3
        if message.get("threads"):
            options.intra_op_num_threads = int(message["threads"])
        started = time.perf_counter()
        model = self.blobs.pop(str(message["blob"]))
        session = self.runtime.InferenceSession(model, options, providers=wanted)
        self.sessions[str(message["name"])] = session
        self.send(
            request,
            "answer",
            providers=session.get_providers(),
            load_s=time.perf_counter() - started,
            inputs=[[given.name, given.type, list(given.shape)] for given in session.get_inputs()],
        )

    def do_sources(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """The codecs' own code: from a folder (this machine), from setup's folder, or from memory."""
        stand_ins = [str(name) for name in message.get("stand_ins", []) if missing(str(name))]
        folder = self.config.get("import_from")
        if folder:
            sys.path.insert(0, str(folder))
            self.send(request, "answer", numba=not missing("numba"), stand_ins=[])
            return
        if hashlib.sha256(body).hexdigest() != message.get("sha256"):
            raise Refused("garbled", "the code that arrived is not that which was sent")
        with zipfile.ZipFile(io.BytesIO(bytes(body))) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > 2**25:
                raise Refused("limit", "more than 32 MiB of code")
            sources = {name: packed.read(name) for name in packed.namelist()}
        kept = os.path.expanduser(KEPT)
        if os.path.isdir(kept):
            sys.path.insert(0, keep_sources(kept, str(message["sha256"]), sources))
        else:
            sys.meta_path.insert(0, MemorySources(sources, ""))
        for name in stand_ins:
            chosen = {key: text for key, text in sources.items() if key.startswith("stand_in/%s/" % name)}
            sys.meta_path.insert(0, MemorySources(chosen, "stand_in/%s/" % name))
        self.send(request, "answer", numba=not missing("numba"), stand_ins=stand_ins)

    def do_codec(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        module, _, name = str(message["class"]).partition(":")
        if not module.startswith("workbench.") and module not in message.get("own", []):
            raise Refused("garbled", "no codec of the workbench: %s" % module)
        try:
            found = getattr(importlib.import_module(module), name)
            for blob in list(message.get("tables", [])):
                importlib.import_module("workbench.codecs.table_store").know(self.blobs.pop(str(blob)))
            settings = dict(message["settings"])
            for setting, blob in dict(message.get("files", {})).items():
                settings[setting] = self.in_memory_file(self.blobs.pop(str(blob)))
            self.codecs[str(message["name"])] = found(**settings)
        except ImportError as error:
            raise Refused("missing", "the codec needs %s" % error, module=str(error.name or "?")) from None
        self.send(request, "answer")

    def in_memory_file(self, content: bytes) -> str:
        """A path under which a codec can read its weights though no disk has them."""
        handle = os.memfd_create("weights")
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(content)
        self.files.append(handle)
        return "/proc/self/fd/%d" % handle

    def do_get(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """What the last run left: "features", "answer" (arrays) or "payload" (bytes)."""
        if message["name"] not in self.kept:
            raise Refused("garbled", "nothing called %r is kept" % (message["name"],))
        kept = self.kept[message["name"]]
        if isinstance(kept, bytes):
            self.send(request, "answer", kept)
        else:
            self.send(request, "answer", kept.tobytes(), dtype=str(kept.dtype), shape=list(kept.shape))

    def do_echo(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """A blob sent back: the picture that an all-on-server board would send."""
        started = time.perf_counter_ns()
        blob = self.blobs[str(message["blob"])]
        self.send(
            request, "answer", blob, row=[0, 0, 0, len(blob), 0], busy_ns=time.perf_counter_ns() - started
        )

    def do_run(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """Warm-ups, then `runs` runs in a burst; rows come in batches, samples with them."""
        work = Work(self, message)
        work.serve(request)
        runs = int(message["runs"])
        if not 0 <= runs <= MAX_RUNS:
            raise Refused("limit", "%d runs asked, at most %d" % (runs, MAX_RUNS))
        before = work.prepare(int(message.get("warmups", 0)))
        rows, samples, flushed, stopped = [], [before], time.monotonic(), False
        for _run in range(runs):
            try:
                rows.append(work.once())
            except Cancelled:
                stopped = True
                break
            sample = work.sample()
            if sample is not None:
                samples.append(sample)
            if len(rows) >= BATCH_ROWS or time.monotonic() - flushed > BATCH_SECONDS:
                self.send(request, "rows", rows=rows, samples=samples)
                rows, samples, flushed = [], [], time.monotonic()
        samples.append(self.sensors.thorough(work.moment()))
        self.send(request, "rows", rows=rows, samples=samples)
        self.send(
            request,
            "answer",
            cancelled=stopped,
            warm=work.warm,
            watts=None if stopped else work.watts(),
            peak_memory_bytes=peak_memory(),
        )

    def do_chain(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        """Prepare for `step`, which runs once and sends the result's bytes."""
        self.step_state = work = Work(self, message)
        work.serve(request)
        before = work.prepare(int(message.get("warmups", 0)))
        self.send(request, "answer", sample=before, warm=work.warm)

    def do_step(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        started = time.perf_counter_ns()
        work = self.step_state
        if work is None:
            raise Refused("garbled", "a step without a chain")
        work.serve(request)
        row = work.once()
        sample = work.sample()
        sent = self.kept["payload"] if work.codec is not None else self.kept["answer"].tobytes()
        busy = time.perf_counter_ns() - started
        self.send(request, "answer", sent, row=row, sample=sample, busy_ns=busy)

    def do_sample(self, request: int, message: dict[str, Any], body: bytearray) -> None:
        moment = self.step_state.moment() if self.step_state is not None else 0.0
        self.send(request, "answer", sample=self.sensors.thorough(moment), peak_memory_bytes=peak_memory())


class Work:
    """One session, one input and perhaps one codec, run again and again."""

    def __init__(self, agent: Agent, message: dict[str, Any]) -> None:
        self.agent = agent
        try:
            self.session = agent.sessions[str(message["session"])]
            given = agent.tensors[str(message["input"])]
            self.codec = None if message.get("codec") is None else agent.codecs[str(message["codec"])]
        except KeyError as error:
            raise Refused("garbled", "nothing called %s is held" % error) from None
        self.inputs = {self.session.get_inputs()[0].name: given}
        self.every = float(message.get("sample_every_s", 0.1))
        self.origin = time.perf_counter_ns()
        self.last_sample = -math.inf
        self.warm: list[list[int]] = []

    def serve(self, request: int) -> None:
        """The request that a cancel now refers to."""
        self.request = request
        self.options = self.agent.runtime.RunOptions()
        self.agent.current = (request, self.options)

    def moment(self) -> float:
        return (time.perf_counter_ns() - self.origin) / 1e9

    def prepare(self, warmups: int) -> dict[str, Any]:
        """The warm-up runs, kept apart, then everything that only a tool can tell."""
        for _run in range(min(warmups, 1000)):
            row = self.once()
            self.warm.append([row[1], row[2]])
        before = self.agent.sensors.thorough(self.moment())
        self.last_sample = self.moment()
        return before

    def once(self) -> list[int]:
        """[start, edge, encode, payload bytes, 0] in nanoseconds, leaving what it made in `kept`."""
        agent = self.agent
        if self.request in agent.cancelled:
            raise Cancelled
        try:
            begin = time.perf_counter_ns()
            outputs = self.session.run(None, self.inputs, self.options)
            middle = time.perf_counter_ns()
        except Exception:
            if self.request in agent.cancelled:
                raise Cancelled from None
            raise
        payload = None
        if self.codec is not None:
            features = outputs[0][0]
            start = time.perf_counter_ns()
            payload = self.codec.encode(features)
            encode = time.perf_counter_ns() - start
            agent.kept["payload"] = payload
            agent.kept["features"] = features
        else:
            encode = 0
            agent.kept["answer"] = outputs[0]
        return [begin - self.origin, middle - begin, encode, len(payload) if payload is not None else 0, 0]

    def watts(self) -> float | None:
        """Mean power while further, untimed inferences run, where only a tool tells it (a Pi 5); else None.

        Files are read during the timed runs; a tool would slow them.
        """
        sensors = self.agent.sensors
        if sensors.rails or not sensors.vcgencmd or sensors.pmic_watts() is None:
            return None
        told: list[float | None] = []
        reader = threading.Thread(
            target=lambda: told.extend(sensors.pmic_watts() for _reading in range(POWER_READINGS)),
            daemon=True,
        )
        reader.start()
        try:
            while reader.is_alive():
                self.once()
        except Cancelled:
            return None
        known = [value for value in told if value is not None]
        return sum(known) / len(known) if known else None

    def sample(self) -> dict[str, Any] | None:
        now = self.moment()
        if now - self.last_sample < self.every:
            return None
        self.last_sample = now
        return self.agent.sensors.sample(now)


# --------------------------------------------------------------------------------------------- helpers


def load_runtime() -> Any:
    """onnxruntime, with its telemetry off by the variable and by its own call."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def preferred(available: list[str]) -> list[str]:
    order = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    return [name for name in order if name in available]


def take_lock(name: str) -> Any:
    """A socket in Linux's abstract namespace: gone with the process, whatever ends it."""
    if sys.platform != "linux":
        import fcntl
        import tempfile

        file = open(os.path.join(tempfile.gettempdir(), name + ".lock"), "w")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused("busy", "another measurement is running on this board") from None
        return file
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind("\0" + name)
    except OSError:
        held.close()
        raise Refused("busy", "another measurement is running on this board") from None
    return held


def keep_sources(folder: str, digest: str, sources: dict[str, bytes]) -> str:
    """Write the codecs' code where `setup` allowed it, so that compiled functions can be kept too."""
    target = os.path.join(folder, "sources", digest[:32])
    if not os.path.isdir(target):
        fresh = "%s.%d" % (target, os.getpid())
        for name, text in sources.items():
            path = os.path.normpath(os.path.join(fresh, name))
            if not path.startswith(fresh + os.sep):
                raise Refused("garbled", "code that would leave its folder")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(text)
        os.rename(fresh, target)
    return target


def peak_memory() -> int:
    """Bytes; not by getrusage first, whose figure after a fork may be the parent's."""
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def kind_of(text: str) -> str:
    """What a foreign error means for the client."""
    lower = text.lower()
    if (
        "bad_alloc" in lower
        or "bad allocation" in lower
        or "failed to allocate" in lower
        or "out of memory" in lower
    ):
        return "memory"
    if "no space left" in lower:
        return "disk"
    return "failed"


def main(config: dict[str, Any]) -> None:
    """Keep the channel for ourselves: whatever prints later prints to stderr."""
    channel = os.dup(1)
    os.dup2(2, 1)
    sink = os.fdopen(channel, "wb", 2**16)
    Agent(sys.stdin.buffer, sink, config).serve()


if __name__ == "__workbench_agent__":
    main(globals()["CONFIG"])
