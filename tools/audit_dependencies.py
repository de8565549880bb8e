"""Ask whether a locked package has a known vulnerability; say so plainly where nobody answers.

pip-audit asks the Python Package Index, or the service of OSV at `--osv-url`. Ends with 0: none is
known; 1: at least one is; 2: not all packages could be asked about, so nothing is known for sure.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.sbom import locked

ROOT = Path(__file__).resolve().parents[1]
TESTING, RUNNING = "requirements-dev.lock", "requirements.lock"
TIMEOUT_S = 15
NAMED_MAX = 5


def asked(osv_url: str | None) -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's answer, or None and the last that it said."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        # Every package of the lock file by its name and version: nothing is installed for it.
        command = [sys.executable, "-m", "pip_audit", "--requirement", ROOT / TESTING,
                   "--disable-pip", "--format", "json", "--output", answer,
                   "--progress-spinner", "off", "--timeout", str(TIMEOUT_S),
                   "--cache-dir", Path(folder, "cache")]
        if osv_url:
            command += ["--vulnerability-service", "osv", "--osv-url", osv_url]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr
        try:
            return json.loads(answer.read_text()), ""
        except (OSError, ValueError):
            return None, (said.strip().splitlines() or ["it said nothing"])[-1]


def verdict(answer: dict[str, Any] | None, said: str, running: set[str]) -> tuple[int, list[str]]:
    """Return the exit code and what to say; `running` are the packages that a gateway runs."""
    if answer is None:
        return 2, [f"audit: the source of vulnerabilities cannot be reached: {said}",
                   "audit: NOTHING IS KNOWN of any package; try again where it can be"]
    packages = answer["dependencies"]
    lines = [_finding(package, found, running)
             for package in packages for found in package.get("vulns", ())]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped:
        more = ", ..." if len(skipped) > NAMED_MAX else ""
        lines.append(f"audit: the source could not be asked about {len(skipped)} of "
                     f"{len(packages)} packages ({', '.join(skipped[:NAMED_MAX])}{more}): "
                     "NOTHING IS KNOWN of these")
    if any(each.get("vulns") for each in packages):
        return 1, lines
    if skipped or not packages:
        return 2, lines or ["audit: no package was asked about: NOTHING IS KNOWN"]
    return 0, [f"audit: no vulnerability is known of {len(packages)} packages"]


def _finding(package: dict[str, Any], found: dict[str, Any], running: set[str]) -> str:
    names = " ".join([found["id"], *found.get("aliases", ())])
    where = "a gateway runs it" if package["name"] in running else "for development only"
    fixed = ", ".join(found.get("fix_versions", ())) or "no version"
    return f"{package['name']} {package['version']}: {names} ({where}); fixed in {fixed}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv-url", help="ask this service of OSV instead")
    answer, said = asked(parser.parse_args().osv_url)
    running = {each.name for each in locked(ROOT / RUNNING)}
    code, lines = verdict(answer, said, running)
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
