"""What containers say, gathered in one shape: the programs' own words, through the collector's real configuration."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.local.mongod import find_mongod
from tests.deploy.loglines import parsed
from tests.house.sources import ROOT

CONFIGURATION = ROOT / "deploy" / "logs" / "syslog-ng.conf"
SYSTEM = "/usr/sbin:/usr/bin:/usr/local/bin:/bin"
AT = "2026-11-28T00:40:00.123456789Z"
OURS = """
import structlog
from app.kit.logs import configure_logs
configure_logs()
words = chr(0x928) + chr(92) + ' "a" {b}'
structlog.get_logger("payments").warning("payment_odd", payment="pmt_1", words=words, counts=[1, {"c": None}])
"""


def program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said_by(*command: str) -> list[tuple[str, str]]:
    """Return what a program said until it ended, with the stream of each line."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)  # noqa: S603
    said = {"stdout": done.stdout, "stderr": done.stderr}
    return [(stream, line) for stream, text in said.items() for line in text.splitlines()]


class Engine:
    """Writes the files that Docker's driver json-file keeps, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, service: str, *lines: tuple[str, str], begins: str = AT) -> None:
        container = self.folder / service.ljust(64, "0")
        container.mkdir(parents=True, exist_ok=True)
        with (container / f"{container.name}-json.log").open("a", encoding="utf-8") as file:
            for stream, line in lines:
                kept = {"log": f"{line}\n", "stream": stream, "attrs": {"com.docker.compose.service": service}}
                file.write(json.dumps({**kept, "time": begins}) + "\n")


class Collector:
    """The collector on the configuration of production, with folders of a test."""

    def __init__(self, folder: Path) -> None:
        self.containers, self.logs = folder / "containers", folder / "logs"
        self.containers.mkdir()
        self.logs.mkdir()
        text = CONFIGURATION.read_text(encoding="utf-8")
        text = text.replace('"/containers"', f'"{self.containers}"').replace('"/logs/', f'"{self.logs}/')
        self.configuration = folder / "syslog-ng.conf"
        self.configuration.write_text(text, encoding="utf-8")
        self.folder = folder
        self.command = [program("syslog-ng"), "--no-caps", f"--cfgfile={self.configuration}"]

    def gather(self, count: int) -> list[str]:
        """Run until so many lines are there, and end it; whatever comes beyond them is returned too."""
        places = [f"--persist-file={self.logs}/position", f"--control={self.folder}/c", f"--pidfile={self.folder}/pid"]
        with (self.folder / "errors").open("ab") as errors:
            running = subprocess.Popen([*self.command, "--foreground", *places], stdout=errors, stderr=errors)  # noqa: S603
        try:
            ends_at = time.monotonic() + 30
            while len(self.lines()) < count and time.monotonic() < ends_at and running.poll() is None:
                time.sleep(0.1)
        finally:
            running.terminate()
            running.wait(timeout=30)
        return self.lines()

    def lines(self) -> list[str]:
        return [
            line for file in sorted(self.logs.glob("*.log")) for line in file.read_text("utf-8").split("\n") if line
        ]


@pytest.fixture
def collector(tmp_path):
    return Collector(tmp_path)


def test_the_collectors_configuration_is_right(collector):
    checked = subprocess.run([*collector.command, "--syntax-only"], capture_output=True, text=True, check=False)  # noqa: S603
    assert checked.returncode == 0, checked.stderr
    assert "error" not in checked.stderr.lower()


def test_the_words_of_every_program_have_one_shape_and_are_still_the_programs_own(collector, tmp_path):
    nowhere = tmp_path / "nowhere"
    wrong = tmp_path / "nginx.conf"
    wrong.write_text("events {}\nhttp { server { listen 127.0.0.1:1 bad; } }\n", encoding="utf-8")
    words = {
        "api-1": said_by(sys.executable, "-c", OURS),
        "mongo-1": said_by(str(find_mongod()), "--dbpath", str(nowhere)),
        "nginx": said_by(program("nginx"), "-t", "-e", "stderr", "-c", str(wrong)),
        "redis": said_by(program("redis-server"), "--port", "0", "--dir", str(nowhere)),
        "prometheus": said_by(program("prometheus"), "--log.format=json", f"--config.file={nowhere}"),
        "alertmanager": said_by(program("prometheus-alertmanager"), "--log.format=json", f"--config.file={nowhere}"),
    }
    engine = Engine(collector.containers)
    for service, lines in words.items():
        assert lines, service
        engine.write(service, *lines)
    told = sum(bool(line.strip()) for lines in words.values() for _, line in lines)
    gathered = parsed(collector.gather(told))
    assert len(gathered) == told
    assert {line["service"] for line in gathered} == set(words)
    of = {service: [line for line in gathered if line["service"] == service] for service in words}
    (ours,) = of["api-1"]
    (_, original) = words["api-1"][0]
    assert {name: value for name, value in ours.items() if name != "service"} == json.loads(original)
    assert [line["details"] for line in of["mongo-1"]] == [json.loads(line) for _, line in words["mongo-1"]]
    assert {line["level"] for line in of["mongo-1"]} >= {"error", "info"}
    assert "error" in {line["level"] for line in of["prometheus"]}
    assert {line["level"] for line in of["nginx"]} >= {"critical"}
    assert [line["event"] for line in of["redis"]] == [line for _, line in words["redis"] if line.strip()]


def test_nothing_is_lost_or_told_twice_when_the_collector_starts_again(collector):
    engine = Engine(collector.containers)
    engine.write("worker", *[("stdout", f"line {number}") for number in range(50)])
    collector.gather(50)
    engine.write("worker", *[("stdout", f"line {number}") for number in range(50, 120)])
    events = [line["event"] for line in parsed(collector.gather(120))]
    assert events == [f"line {number}" for number in range(120)]


@pytest.mark.parametrize(
    "line",
    [
        '{"half": ',
        "{not json}",
        '"}, {"level": "critical", "event": "forged"',
        '{"event": 1, "level": {"a": []}}',
        '{"timestamp":"2026-11-28T00:40:00Z","level":"info","event":"e","logger":"l","service":"mongo-1"}',
        '{"timestamp":"yesterday","level":"info","event":"e","logger":"l"}',
        '{"timestamp":"2026-11-28T00:40:00Z","level":"loud","event":"e","logger":"l"}',
        '{"timestamp":"2026-11-28T00:40:00Z","level":"info","event":"e"}',
        "{}",
        "x" * 15_000,
        "\x1b[31mred\x1b[0m \u2028 \u0000",
        "payment ${.docker.log} $(format-json)",
    ],
)
def test_whatever_is_said_cannot_break_the_shape_or_speak_as_somebody_else(collector, line):
    Engine(collector.containers).write("api-1", ("stdout", line), ("stdout", "after"))
    first, after = parsed(collector.gather(2))
    assert (first["service"], after["event"]) == ("api-1", "after")
    assert first["level"] == "info"


def test_whatever_has_no_name_is_kept_too(collector):
    container = collector.containers / "a"
    container.mkdir()
    kept = json.dumps({"log": "hello\n", "stream": "stderr", "time": AT})
    (container / "a-json.log").write_text(f"{kept}\n", encoding="utf-8")
    (line,) = parsed(collector.gather(1))
    assert (line["service"], line["level"], line["event"]) == ("unknown", "warning", "hello")
