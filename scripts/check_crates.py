#!/usr/bin/env python3
"""Checks what each crate of the workspace depends on, and under which licences everything is.

It reads `cargo metadata` and nothing else; dev-dependencies may be anything.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# The crate's direct dependencies may be only these (None: any), and these must not be reached at all.
# The same table stands in docs/ARCHITECTURE.md.
BOUNDARIES = {
    "lifecycle": (set(), set()),
    "agent-protocol": ({"serde", "serde_json", "thiserror"}, {"tokio", "rusqlite"}),
    "agent-sdk": (None, {"coordinator", "coordinator-config", "lifecycle", "dashboard", "rusqlite"}),
    "shared-state": (None, {"axum", "lifecycle", "coordinator", "dashboard", "agent-protocol"}),
    "coordinator-config": (None, {"tokio", "rusqlite", "shared-state", "agent-protocol", "axum"}),
    "coordinator": (None, {"agent-sdk", "dashboard", "axum", "reqwest"}),
    "dashboard": (None, {"coordinator", "coordinator-config", "lifecycle", "agent-sdk"}),
    "langsmith-bridge": (None, {"coordinator", "lifecycle", "dashboard", "rusqlite", "axum"}),
    "langsmith-values": ({"jiff", "serde", "serde_json"}, {"tokio"}),
    "trace-collector": (None, {"coordinator", "lifecycle", "dashboard", "rusqlite"}),
    "performance-monitor": (None, {"coordinator", "lifecycle", "dashboard", "axum"}),
}


def load():
    """The packages for this platform only: others would first have to be downloaded."""
    host = re.search(r"host: (\S+)", output(["rustc", "-vV"])).group(1)
    return json.loads(output(["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]))


def output(command):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return done.stdout


def direct(node):
    """Ids of what a crate is built from or with; tests do not count."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]


def reached(nodes, start):
    seen, waiting = set(), [start]
    while waiting:
        for dep in direct(nodes[waiting.pop()]):
            if dep not in seen:
                seen.add(dep)
                waiting.append(dep)
    return seen


def boundary_problems(metadata):
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    members = {names[member]: member for member in metadata["workspace_members"]}
    for crate, (allowed, forbidden) in BOUNDARIES.items():
        if crate not in members:
            yield f"{crate}: there is no such crate; mend the table in scripts/check_crates.py"
            continue
        used = {names[dep] for dep in direct(nodes[members[crate]])}
        if allowed is not None and used - allowed:
            yield f"{crate} may depend on {sorted(allowed)} only, not on {sorted(used - allowed)}"
        touched = {names[dep] for dep in reached(nodes, members[crate])} & forbidden
        if touched:
            yield f"{crate} must not reach {sorted(touched)}: `cargo tree -e normal -p {crate} -i NAME` shows how"


def allowed_licences():
    """The list of deny.toml; read by pattern, as older Pythons have no TOML."""
    text = Path("deny.toml").read_text(encoding="utf-8")
    block = re.search(r"^\[licenses\]\n.*?^allow = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r'"([^"]+)"', block.group(1)))


def is_allowed(expression, allowed):
    """Judges an SPDX expression of names, AND, OR and parentheses; `A/B` is an old spelling of `A OR B`."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR ").replace(" WITH ", "-WITH-"))
    terms = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    known = {name.replace(" WITH ", "-WITH-") for name in allowed}
    # Only the words of `terms`, True and False get into the evaluated text.
    return bool(eval(" ".join(terms.get(word, str(word in known)) for word in words), {"__builtins__": {}}))


def licence_problems(metadata):
    allowed = allowed_licences()
    for package in metadata["packages"]:
        licence = package["license"]
        if not licence:
            yield f"{package['name']} {package['version']} names no licence"
        elif not is_allowed(licence, allowed):
            yield f"{package['name']} {package['version']} is under {licence}, which deny.toml does not allow"


def main():
    metadata = load()
    problems = [*boundary_problems(metadata), *licence_problems(metadata)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
