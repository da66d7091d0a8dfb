"""A program whose every run is known: traces with LangSmith's SDK in all its ways, then prints each run as a JSON line.

What it prints comes from its own record of what it did, not from what was sent.
"""

import asyncio
import json
import sys
import threading
from decimal import Decimal

from langsmith import Client, traceable
from langsmith.run_helpers import get_current_run_tree, trace
from langsmith.run_trees import RunTree
from langsmith.schemas import Attachment

WAY = sys.argv[1]  # zstd, multipart, batch or single
PROJECT = sys.argv[2]
ROUNDS = int(sys.argv[3])

client = {
    "zstd": lambda: Client(),
    "multipart": lambda: Client(),
    "batch": lambda: Client(info={"version": "0.18.0", "batch_ingest_config": {
        "use_multipart_endpoint": False, "size_limit": 100, "size_limit_bytes": 20971520,
        "scale_up_nthreads_limit": 16, "scale_up_qsize_trigger": 1000, "scale_down_nempty_trigger": 4}}),
    "single": lambda: Client(auto_batch_tracing=False),
}[WAY]()

done = {}  # run id -> what is to be known of it
files = {}  # run id -> name -> what the SDK was given to send beside the run


def note(more=None):
    """Keeps the run that is under way; what it will be is read at the end."""
    run = get_current_run_tree()
    done[str(run.id)] = (run, more or {})
    return run


@traceable(run_type="llm", name="ChatModel", client=client, metadata={"ls_model_name": "model-a", "ls_provider": "maker"})
def model(question):
    usage = {"input_tokens": 1234567, "output_tokens": 3, "total_tokens": 1234570, "input_cost": 1.1e-07, "output_cost": 0.25,
             "total_cost": 0.25000011, "input_token_details": {"cache_read": 5, "audio": 1},
             "output_token_details": {"reasoning": 2}, "input_cost_details": {"cache_read": 1e-08},
             "output_cost_details": {"reasoning": 0.125}}
    note({"model": "model-a", "provider": "maker", "prompt_tokens": 1234567, "completion_tokens": 3, "total_tokens": 1234570,
          "prompt_cost": "0.00000011", "completion_cost": "0.25", "total_cost": "0.25000011",
          "prompt_token_details": {"audio": 1, "cache_read": 5}, "completion_token_details": {"reasoning": 2},
          "prompt_cost_details": {"cache_read": "0.00000001"}, "completion_cost_details": {"reasoning": "0.125"}})
    return {"text": "Grüße, 世界 " + question, "usage_metadata": usage}


@traceable(run_type="llm", name="StreamingModel", client=client, reduce_fn=lambda chunks: {"text": "".join(chunks)})
def streaming_model(question):
    run = note()
    run.set(usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "total_cost": 1e-08})
    run.metadata["ls_model_name"] = "model-b"
    done[str(run.id)][1].update(model="model-b", prompt_tokens=1, completion_tokens=2, total_tokens=3, total_cost="0.00000001")
    for word in ["one ", "two ", question]:
        yield word


@traceable(run_type="retriever", name="search", client=client)
def search(question):
    note()
    return [{"page_content": "found", "type": "Document", "metadata": {"score": 0.5}}]


@traceable(run_type="tool", name="broken", client=client)
def broken(question):
    note()
    raise ValueError(f"no answer to {question!r}")


@traceable(run_type="chain", name="step", client=client)
async def step(n):
    note()
    await asyncio.sleep(0)
    return n * 2


@traceable(run_type="chain", name="agent", client=client, tags=["production", "ä"], metadata={"session_id": "thread 7", "nested": {"k": [1, None]}})
def agent(question, picture: Attachment):
    run = note({"thread_id": "thread 7"})
    files[str(run.id)] = {"picture": {"content_type": picture.mime_type, "bytes": list(picture.data)}}
    model(question)
    list(streaming_model(question))
    search(question)
    try:
        broken(question)
    except ValueError:
        pass

    async def steps():
        return await asyncio.gather(*(step(n) for n in range(3)))

    asyncio.run(steps())
    with trace("block", "prompt", inputs={"q": question}, client=client, project_name=PROJECT) as block:
        done[str(block.id)] = (block, {})
        block.end(outputs={"prompt": "…"})
    return {"answer": question, "id": str(run.id)}


@traceable(run_type="chain", name="failing", client=client)
def failing():
    note()
    broken("the root")


def by_hand():
    """The older way: a tree of runs, posted, then patched."""
    root = RunTree(name="by hand", run_type="chain", inputs={"x": 1}, project_name=PROJECT, client=client)
    root.post()
    child = root.create_child(name="child", run_type="prompt", inputs={"y": 2.5},
                              serialized={"lc": 1, "type": "constructor", "id": ["shop", "Prompt"], "kwargs": {"depth": 3}})
    child.post()
    child.end(outputs={"z": [1, 2, 3]})
    child.patch()
    done[str(child.id)] = (child, {})
    root.end(error="stopped by hand")
    root.patch()
    done[str(root.id)] = (root, {})
    open_run = RunTree(name="never ends", run_type="chain", inputs={}, project_name=PROJECT, client=client)
    open_run.post()
    done[str(open_run.id)] = (open_run, {})


def told(run, more):
    metadata = (run.extra or {}).get("metadata") or {}
    tokens = [event["time"] for event in run.events or [] if event.get("name") == "new_token"]
    row = {
        "run_id": str(run.id), "name": run.name, "run_type": run.run_type, "trace_id": str(run.trace_id),
        "parent_run_id": str(run.parent_run_id) if run.parent_run_id else None, "dotted_order": run.dotted_order,
        "start": run.start_time.isoformat(), "end": run.end_time.isoformat() if run.end_time else None, "error": run.error,
        "tags": run.tags, "metadata": metadata, "inputs": run.inputs, "outputs": run.outputs, "project": run.session_name,
        "first_token": min(tokens) if tokens else None, "events": sent_events(run),
        # The SDK sends the manifests of models and prompts only.
        "manifest": run.serialized if run.run_type in ("llm", "prompt") else None,
    }
    line = {"row": row, "more": more}
    if run.parent_run_id is None:
        line["subtree"] = subtree(run)
    # Version 1 of the way in, run by run or in batches of JSON, has no place for files.
    if str(run.id) in files and WAY in ("zstd", "multipart"):
        line["files"] = files[str(run.id)]
    return line


def sent_events(run):
    """The SDK does not send the texts of tokens, which are those of the outputs."""
    events = [{key: value for key, value in event.items() if key != "kwargs" or event["name"] != "new_token"} for event in run.events or []]
    return events or None


def subtree(root):
    """The sums over a trace; none where no run of it told."""
    told = [more for run, more in done.values() if run.trace_id == root.id]
    sums = {}
    for name, number in [("prompt_tokens", int), ("completion_tokens", int), ("total_tokens", int), ("total_cost", Decimal), ("prompt_cost", Decimal)]:
        amounts = [number(more[name]) for more in told if name in more]
        sums[name] = None if not amounts else sum(amounts) if number is int else format(sum(amounts), "f")
    return sums


def give_feedback(run):
    """Behind the runs, as a person would."""
    client.flush()
    project = client.read_project(project_name=PROJECT)
    assert project.name == PROJECT, project
    for score in [1, 0.5]:
        client.create_feedback(run.id, key="helpful", score=score, trace_id=run.trace_id, session_id=project.id, comment="why not")


client_errors = []
client._tracing_error_callback = lambda error: client_errors.append(repr(error))
threads = [threading.Thread(target=lambda n=n: agent(f"question {n}", Attachment("image/png", bytes([137, 80, n])), langsmith_extra={"project_name": PROJECT})) for n in range(ROUNDS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
try:
    failing(langsmith_extra={"project_name": PROJECT})
except ValueError:
    pass
by_hand()
client.flush()
rated = next(run for run, _ in done.values() if run.name == "agent")
give_feedback(rated)
client.flush()
client.close()
for run, more in done.values():
    line = told(run, more)
    if run is rated:
        line["feedback"] = {"helpful": {"n": 2, "avg": 0.75, "min": 0.5, "max": 1.0}}
    # A set is what the SDK sends as a list.
    print(json.dumps(line, default=lambda value: sorted(value) if isinstance(value, set) else str(value)))
print(json.dumps({"compressed": WAY == "zstd", "errors": client_errors, "project_id": str(client.read_project(project_name=PROJECT).id)}))
