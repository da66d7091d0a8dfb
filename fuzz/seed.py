#!/usr/bin/env python3
"""Fills corpus/ from the examples in the documents; run it after they changed. It removes nothing.

The names of the files are hashes of their content, as libFuzzer names what it finds.
"""

import gzip
import hashlib
import json
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

RUN = "019b8f3c-0000-7000-8000-000000000001"
ORDER = f"20260105T164601068924Z{RUN}"
run = {"id": RUN, "trace_id": RUN, "dotted_order": ORDER, "name": "n", "run_type": "llm", "start_time": "2026-01-05T16:46:01.068924",
       "end_time": 1767631562000, "session_name": "mine", "tags": ["a"], "error": None,
       "extra": {"metadata": {"ls_model_name": "m", "thread_id": 7, "usage_metadata": {"input_tokens": 1, "total_cost": "0.1"}}},
       "outputs": {"generations": [[{"message": {"kwargs": {"usage_metadata": {"input_tokens": 3.0, "input_token_details": {"cache_read": 1}}}}}]]},
       "events": [{"name": "new_token", "time": "2026-01-05T16:46:01+00:00"}]}
update = {"id": RUN, "trace_id": RUN, "dotted_order": ORDER, "end_time": "2026-01-05T16:46:03Z", "error": "ValueError"}
feedback = {"run_id": RUN, "key": "good", "score": True, "value": {"a": 1}, "comment": "why", "feedback_source": {"type": "api"}}
parts = [(f"post.{RUN}", run), (f"post.{RUN}.inputs", {"q": "ü"}), (f"patch.{RUN}", update), (f"patch.{RUN}.serialized", {"lc": 1}),
         (f"attachment.{RUN}.file", "x"), (f"feedback.{RUN}", feedback)]
body = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/json\r\n'
               f"Content-Length: {len(json.dumps(part))}\r\n\r\n{json.dumps(part)}\r\n" for name, part in parts) + "--b--\r\n"
batch = json.dumps({"post": [run], "patch": [update]})
# The first byte chooses path and compression.
for choice, text in [(0, body), (1, batch), (2, json.dumps(run)), (3, json.dumps(update))]:
    write("trace_bodies", bytes([choice]) + text.encode())
    write("trace_bodies", bytes([choice + 4]) + gzip.compress(text.encode(), mtime=0))

# Instances, then an empty line, then names.
for text in ["worker:0\nworker:1\nimporter\n\nwo*\n", "a\nb\n\nall\n", "worker\n\nwroker\n", "ab:0\nab:1\n\n?b:*\n*\nab:1\n", "a\n\n"]:
    write("control_names", text.encode())
