"""`make release` and its parts: what is pinned, what is listed, what is asked, and what stops it."""

import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.audit import CLEAN, FAULTY, UNKNOWN, judge
from tests.house.sources import ROOT
from tests.local.test_scripts import command, program

_LOCKS = ("runtime", "dev")
_PIN = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)[^\\]*\\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
_TOOLS = ("bash", "git", "sha256sum", "dirname", "env", "sh", "mkdir", "mv", "rm", "gzip", "cat", "id", "uname")


def pins(text):
    """Return the name, version and hashes of every requirement of a lock, as often as it stands there."""
    return [(name, version, set(re.findall(r"sha256:(\w+)", hashes))) for name, version, hashes in _PIN.findall(text)]


def lock(kind):
    return (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", _LOCKS)
def test_t8_every_requirement_is_pinned_to_one_version_and_its_hashes(kind):
    named = [line for line in lock(kind).splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pins(lock(kind))) == len(named) > 50
    assert all(hashes for _, _, hashes in pins(lock(kind)))
    # A lock that names where it was made sends everybody there.
    assert "://" not in lock(kind)
    assert "--index" not in lock(kind)


def test_t8_the_environment_is_installed_from_the_hashes_alone():
    text = (ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")
    for installation in re.findall(r"-m pip install(?:.*\\\n)*.*", text):
        assert "--require-hashes --no-deps" in installation


class Advisories(BaseHTTPRequestHandler):
    """Answers as a service of known faults does, with what the server was given."""

    def do_POST(self):
        """Answer one question."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked["package"]["name"])
        body = json.dumps(self.server.answers.get(asked["package"]["name"], {})).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing."""


@contextmanager
def advisories(answers=None, status=200) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    server.answers, server.status, server.asked = answers or {}, status, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fault(name):
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"vulns": [{"id": "GHSA-made-up", "summary": "made up", "affected": affected}]}


@pytest.fixture
def audit(tmp_path):
    """Return what asks the service at an address about two pinned requirements."""
    few = tmp_path / "few.txt"
    few.write_text(
        "".join(re.findall(r"^(?:idna|certifi)==(?:.*\\\n)*.*\n", lock("runtime") + lock("dev"), re.MULTILINE))
    )

    def ask(address):
        words = ("--vulnerability-service=osv", f"--osv-url={address}", f"--cache-dir={tmp_path / 'cache'}")
        report = tmp_path / "artifacts" / "audit.json"
        return command(sys.executable, "scripts/audit.py", str(few), str(report), *words, NO_PROXY="127.0.0.1")

    return ask


def test_t8_a_pinned_requirement_with_a_known_fault_is_named_with_its_remedy(audit):
    with advisories({"idna": fault("idna")}) as server:
        status, said = audit(f"http://127.0.0.1:{server.server_port}/v1/query")
    assert status == FAULTY
    assert re.search(r"idna [\d.]+: GHSA-made-up, mended in 99\.1", said)


def test_t8_requirements_without_a_known_fault_pass(audit):
    with advisories() as server:
        status, said = audit(f"http://127.0.0.1:{server.server_port}/v1/query")
    assert (status, said) == (CLEAN, f"No known fault in {len(server.asked)} requirements.\n")
    assert set(server.asked) >= {"idna"}


def test_t8_a_service_that_does_not_answer_is_never_taken_for_a_good_answer(audit):
    with advisories(status=500) as server:
        address = f"http://127.0.0.1:{server.server_port}/v1/query"
        status, said = audit(address)
    assert status == UNKNOWN
    assert said.startswith("NOT CHECKED for known faults: the service could not be reached.")
    assert audit(address)[0] == UNKNOWN  # nobody listens there any more


@pytest.mark.parametrize(
    ("dependencies", "status"),
    [
        ([], UNKNOWN),
        ([{"name": "a", "skip_reason": "not found"}], UNKNOWN),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}], UNKNOWN),
        ([{"name": "a", "version": "1", "vulns": []}], CLEAN),
        (
            [
                {"name": "a", "version": "1", "vulns": [{"id": "X", "fix_versions": []}]},
                {"name": "b", "skip_reason": "not found"},
            ],
            FAULTY,
        ),
    ],
)
def test_t8_who_was_not_asked_about_is_not_called_harmless(dependencies, status):
    assert judge({"dependencies": dependencies})[0] == status


@pytest.fixture
def clone(tmp_path):
    """Return a committed copy of what a release is made of, with stand-ins for the tests and the service of faults."""
    root = tmp_path / "clone"
    for name in ("scripts", "requirements", "deploy/k8s"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "app").mkdir()
    shutil.copy(ROOT / "app" / "__init__.py", root / "app")
    (root / "README.md").write_text("A product.\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0 - the first\n\n- It began.\n")
    (root / ".gitignore").write_text(".venv/\nartifacts/\n__pycache__/\n")
    (root / ".venv" / "bin").mkdir(parents=True)
    answers = '[ "$1" = scripts/audit.py ] && exit "${AUDIT:-0}"\n'
    answers += '[ "$4${MATERIALS:-}" = cyclonedx_py ] && echo {} > artifacts/release/sbom.cdx.json && exit\n'
    program(root / ".venv" / "bin", "python", f'{answers}exec "{sys.executable}" "$@"')
    (root / "bin").mkdir()
    (root / ".git").mkdir()
    for tool in _TOOLS:
        (root / "bin" / tool).symlink_to(shutil.which(tool))
    program(root / "bin", "make", 'echo "make $@"; exit "${TESTS:-0}"')
    commit(root)
    return root


def commit(root):
    (root / ".git" / "info").mkdir(exist_ok=True)
    git = ("git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@example.com")
    assert command(*git, "init", "--quiet")[0] == 0
    (root / ".git" / "info" / "exclude").write_text("bin/\n")
    assert command(*git, "add", "--all")[0] == 0
    status, said = command(*git, "commit", "--quiet", "--message", "all")
    assert status == 0, said


def released(root, **environment):
    """Run the release with nothing on the path but the tools that are there."""
    return command(str(root / "scripts" / "release.sh"), "all", PATH=str(root / "bin"), **environment)


def with_docker(root, *, has_engine=True):
    program(root / "bin", "docker", f'[ "$1" = info ] && exit {0 if has_engine else 1}; echo "docker $@"')


def test_a_whole_release_has_source_materials_and_checksums_and_publishes_nothing(clone):
    with_docker(clone)
    status, said = released(clone, TAG="v0.1.0", REQUIRE="image audit")
    assert status == 0, said
    assert said.splitlines()[-1] == "Everything of 0.1.0 is in artifacts/release; nothing was published."
    assert "make test" in said
    assert "docker build --file deploy/Dockerfile --tag payment-gateway:0.1.0 ." in said
    assert "push" not in said
    folder = clone / "artifacts" / "release"
    made = {file.name for file in folder.iterdir()}
    assert made == {"sbom.cdx.json", "payment-gateway-api-0.1.0.tar.gz", "SHA256SUMS"}
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == made - {"SHA256SUMS"}
    assert command("sh", "-c", f"cd {folder} && sha256sum --check --strict SHA256SUMS")[0] == 0


def test_t8_the_list_of_materials_names_every_requirement_with_its_version_and_hashes(clone):
    status, said = command(str(clone / "scripts" / "release.sh"), "sbom", MATERIALS="real")
    assert status == 0, said
    materials = json.loads((clone / "artifacts" / "release" / "sbom.cdx.json").read_text())
    assert materials["bomFormat"] == "CycloneDX"
    assert materials["metadata"]["component"]["name"] == "payment-gateway-api"
    listed = [
        (
            one["name"],
            one["version"],
            {digest["content"] for reference in one["externalReferences"] for digest in reference.get("hashes", ())},
        )
        for one in materials["components"]
    ]
    assert sorted(listed, key=str) == sorted(pins(lock("runtime")), key=str)


def test_what_could_not_be_made_here_is_said_last(clone):
    status, said = released(clone, AUDIT="3")
    assert status == 0, said
    assert said.splitlines()[-3:] == [
        "Not everything of 0.1.0 was made:",
        "  No image was built: docker is not installed here.",
        "  The requirements were NOT CHECKED for known faults.",
    ]
    with_docker(clone, has_engine=False)
    assert "docker is installed, but no engine answers." in released(clone)[1]


@pytest.mark.parametrize(
    ("environment", "last"),
    [
        ({"REQUIRE": "image"}, "Stopped: this release requires the image (REQUIRE)."),
        ({"REQUIRE": "audit", "AUDIT": "3"}, "Stopped: this release requires the audit (REQUIRE)."),
        (
            {"AUDIT": "1"},
            "Stopped: a pinned requirement has a known fault: raise it in pyproject.toml, then make lock.",
        ),
        ({"TESTS": "1"}, "Stopped: the tests failed."),
        ({"TAG": "v0.2.0"}, "Stopped: every place must name the same version."),
    ],
)
def test_a_release_stops_at_the_first_thing_that_is_not_as_it_must_be(clone, environment, last):
    status, said = released(clone, **environment)
    assert status == 1
    assert said.splitlines()[-1] == last
    assert not (clone / "artifacts" / "release" / "SHA256SUMS").exists()


def test_what_is_not_committed_is_not_released(clone):
    (clone / "README.md").write_text("Another one.\n")
    status, said = released(clone)
    assert status == 1
    assert "Stopped: the work tree is not clean; commit or put away:  M README.md" in said


@pytest.mark.parametrize(
    ("file", "before", "after", "complaint"),
    [
        ("CHANGELOG.md", "## 0.1.0", "## 0.0.9", "CHANGELOG.md has no section 0.1.0: rename Unreleased"),
        ("app/__init__.py", "0.1.0", "0.1.1", "app/__init__.py says 0.1.1."),
        (
            "deploy/k8s/overlays/production/kustomization.yaml",
            "newTag: 0.1.0",
            "newTag: 0.0.9",
            "deploy/k8s/overlays/production/kustomization.yaml says 0.0.9.",
        ),
    ],
)
def test_every_place_names_the_same_version(clone, file, before, after, complaint):
    text = (clone / file).read_text()
    assert before in text
    (clone / file).write_text(text.replace(before, after))
    commit(clone)
    status, said = released(clone)
    assert status == 1
    assert complaint in said
