#!/usr/bin/env python3
"""Fills corpus/ from the examples in the documents; run it after they changed. It removes nothing.

The names of the files are hashes of their content, as libFuzzer names what it finds.
"""

import hashlib
import re
from pathlib import Path

FUZZ = Path(__file__).parent
DOCS = FUZZ.parent / "docs"


def write(target, content):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


protocol = (DOCS / "protocol.md").read_text(encoding="utf-8")
agent, coordinator = protocol.split("\n## Agent to coordinator")[1].split("\n## Coordinator to agent")
for line in "".join(blocks(agent, "json")).splitlines():
    write("decode", line.encode())
for line in "".join(blocks(coordinator, "json")).splitlines():
    write("decode_coordinator", line.encode())

# Two bytes choose the limit and the chunks.
stream = "".join(blocks(agent, "json")[:4]).encode()
for head in (b"\xff\x07", b"\x10\x33"):
    write("lines", head + stream)
    write("lines", head + stream.replace(b"\n", b"\r\n"))
write("lines", b"\x03\x01ab\r\nabcd\r\r\n\n\rabcde")

for text in [*blocks((DOCS / "configuration.md").read_text(encoding="utf-8"), "toml"),
             (FUZZ.parent / "agents.toml").read_text(encoding="utf-8"),
             (FUZZ.parent / "coordinator/config/src/defaults.toml").read_text(encoding="utf-8")]:
    write("agents_toml", text.encode())

for line in [
    '{"verb":"status","names":[]}',
    '{"verb":"describe","names":["all"]}',
    '{"verb":"coordinator"}',
    '{"verb":"wait","names":["worker:1"],"states":["RUNNING"],"wait_ms":60000}',
    '{"verb":"act","change":"start","names":["wo*"],"wait_ms":null}',
    '{"verb":"act","change":{"signal":"SIGUSR1"},"names":["worker"],"wait_ms":1000}',
    '{"verb":"reload","dry_run":true}',
    '{"verb":"upgrade","binary":"/usr/local/bin/coordinator"}',
    '{"done":[{"name":"worker:0","agent":"worker","protocol":"json","state":"RUNNING","goal":"up","reason":"","pid":7,'
    '"invocation_id":1,"uptime_ms":1000,"restarts":0,"last_exit":null,"next_attempt_ms":null,"heartbeats":3,'
    '"heartbeat_age_ms":20,"status":"ok","message":"all is well"}]}',
    '{"not_done":{"agents":[],"missing":["worker"]}}',
    '{"upgraded":{"from":"0.1.0","to":"0.2.0"}}',
    '{"no_such_agent":"wroker"}',
    '{"misunderstood":"expected value at line 1 column 1"}',
]:
    write("control_lines", line.encode())

# Instances, then an empty line, then names.
for text in ["worker:0\nworker:1\nimporter\n\nwo*\n", "a\nb\n\nall\n", "worker\n\nwroker\n", "ab:0\nab:1\n\n?b:*\n*\nab:1\n", "a\n\n"]:
    write("control_names", text.encode())
