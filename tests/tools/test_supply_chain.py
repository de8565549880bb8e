"""What a gateway is made of, and what is known of it: both without any network."""

import json
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.audit_dependencies import verdict
from tools.sbom import Locked, NotAsLocked, bill

ROOT = Path(__file__).resolve().parents[2]
RUNNING = ROOT / "requirements.lock"


def written(folder, **environment):
    path = folder / "sbom.json"
    done = subprocess.run([sys.executable, "-m", "tools.sbom", path], cwd=ROOT, text=True,
                          env=os.environ | environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    return path.read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return json.loads(written(tmp_path_factory.mktemp("bill")))


def test_bill_names_every_locked_package_with_its_hashes(made):
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    pins = {line.split()[0] for line in RUNNING.read_text().splitlines() if "==" in line}
    assert {f"{each['name']}=={each['version']}" for each in made["components"]} == pins
    hashes = [file["content"] for each in made["components"]
              for reference in each["externalReferences"] for file in reference["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", RUNNING.read_text()))


def test_bill_leads_from_faubourg_to_every_package(made):
    needs = {each["ref"]: each.get("dependsOn", []) for each in made["dependencies"]}
    reached, left = set(), ["faubourg"]
    while left:
        reference = left.pop()
        if reference not in reached:
            reached.add(reference)
            left += needs[reference]
    missing = {each["bom-ref"] for each in made["components"]} - reached
    # What only another Python or platform needs hangs on nothing here.
    assert all(any(each["bom-ref"] == name and each.get("properties")
                   for each in made["components"]) for name in missing), missing


def test_every_installed_package_has_a_licence_in_the_bill(made):
    assert not [each["name"] for each in made["components"]
                if not each.get("licenses") and not each.get("properties")]


def test_equal_inputs_give_equal_bytes(tmp_path):
    at = {"SOURCE_DATE_EPOCH": "1765000000"}
    first = written(tmp_path, **at)
    assert written(tmp_path, **at) == first
    assert json.loads(first)["metadata"]["timestamp"].startswith("2025-12-06")


@pytest.mark.parametrize("package", [Locked("click", "0.1", "", []),
                                     Locked("no-such-package", "1", "", [])])
def test_what_is_not_installed_as_locked_is_no_bill(package):
    with pytest.raises(NotAsLocked, match="make setup"):
        bill([package], "1", datetime.now(UTC))


def answer(*packages):
    return {"dependencies": [{"name": name, "version": "1", **more} for name, more in packages]}


FOUND = {"vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2"], "fix_versions": ["1.1"]}]}
NONE = {"vulns": []}
SKIPPED = {"skip_reason": "not found"}


@pytest.mark.parametrize(("packages", "code", "words"), [
    ([("a", NONE), ("b", NONE)], 0, "no vulnerability is known of 2 packages"),
    ([("a", FOUND), ("b", NONE)], 1, "a 1: PYSEC-1 CVE-2 (a gateway runs it); fixed in 1.1"),
    ([("b", FOUND)], 1, "for development only"),
    ([("a", SKIPPED), ("b", NONE)], 2, "about 1 of 2 packages (a): NOTHING IS KNOWN"),
    ([("a", FOUND), ("b", SKIPPED)], 1, "NOTHING IS KNOWN of these"),
    ([], 2, "NOTHING IS KNOWN"),
])
def test_verdict_is_good_only_where_every_package_was_asked_about(packages, code, words):
    found, lines = verdict(answer(*packages), "", {"a"})
    assert found == code and words in "\n".join(lines)


def audited(*options, **environment):
    done = subprocess.run([sys.executable, "-m", "tools.audit_dependencies", *options], cwd=ROOT,
                          env=os.environ | environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_source_that_cannot_be_reached_is_said_plainly_and_ends_with_2():
    nowhere = "http://127.0.0.1:9"
    code, said = audited(HTTPS_PROXY=nowhere, https_proxy=nowhere, NO_PROXY="", no_proxy="")
    assert code == 2, said
    assert "cannot be reached" in said and "NOTHING IS KNOWN of any package" in said


class Osv(BaseHTTPRequestHandler):
    """A service of OSV that knows one vulnerability, of aiohttp."""

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        events = [{"introduced": "0"}, {"fixed": "99"}]
        affected = [{"package": {"name": name, "ecosystem": "PyPI"},
                     "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
        known = [{"id": "OSV-1", "summary": "s", "details": "d", "affected": affected}]
        body = json.dumps({"vulns": known} if name == "aiohttp" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_vulnerability_of_a_locked_package_ends_with_1_and_is_named():
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/query"
        code, said = audited("--osv-url", url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        server.shutdown()
    assert code == 1, said
    assert re.search(r"^aiohttp \S+: OSV-1 \(a gateway runs it\); fixed in 99$", said, re.M)
