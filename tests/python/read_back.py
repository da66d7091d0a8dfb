"""Reads a project back with LangSmith's SDK in both of its ways, and prints each run with the names of our columns.

COLUMNS is the table by which a run of either version and a row of the database are the same. Nothing in it computes: it only says
where a column stands, and in which unit.
"""

import asyncio
import copy
import datetime
import json
import sys
import typing
import warnings
from decimal import Decimal

from langsmith import Client
from langsmith.types.run_select_field import RunSelectField

warnings.simplefilter("ignore")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(time):
    """Microseconds since 1970; a time without a zone is UTC."""
    if time is None:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    return (time - EPOCH) // datetime.timedelta(microseconds=1)


def decimal(amount):
    """Exactly what was received: the SDK gives floats in version 2, whose shortest form is what was sent."""
    return None if amount is None else format(Decimal(str(amount)), "f")


def decimals(details):
    return None if details is None else {category: decimal(amount) for category, amount in details.items()}


def raw(details):
    return None if details is None else details.raw


def text(value):
    return None if value is None else str(value)


def lower(value):
    return None if value is None else value.lower()


def seconds(latency):
    return None if latency is None else round(latency * 1e6)


def events(list_of_events):
    """Version 2 gives events as objects, version 1 as they were sent."""
    if list_of_events is None:
        return None
    plain = [event if isinstance(event, dict) else event.model_dump(exclude_none=True) for event in list_of_events]
    return [{**event, "time": micros(time_of(event["time"]))} for event in plain]


def time_of(time):
    return datetime.datetime.fromisoformat(time) if isinstance(time, str) else time


def addresses(files):
    return {name: file["presigned_url"] for name, file in (files or {}).items()}


# column: (where it stands in Client.list_runs, where it stands in Client.runs.query_v2); None: that version does not tell it
COLUMNS = {
    "run_id": (lambda run: str(run.id), lambda run: run.id),
    "project_id": (lambda run: text(run.session_id), lambda run: run.project_id),
    "trace_id": (lambda run: str(run.trace_id), lambda run: run.trace_id),
    "parent_run_id": (lambda run: text(run.parent_run_id), lambda run: run.parent_run_ids[-1] if run.parent_run_ids else None),
    "parent_run_ids": (lambda run: [str(id) for id in run.parent_run_ids or []], lambda run: run.parent_run_ids or []),
    "dotted_order": (lambda run: run.dotted_order, lambda run: run.dotted_order),
    "name": (lambda run: run.name, lambda run: run.name),
    "run_type": (lambda run: run.run_type, lambda run: lower(run.run_type)),
    "status": (lambda run: run.status, lambda run: lower(run.status)),
    "is_root": (lambda run: int(run.trace_id == run.id), lambda run: int(run.is_root)),
    "start_us": (lambda run: micros(run.start_time), lambda run: micros(run.start_time)),
    "end_us": (lambda run: micros(run.end_time), lambda run: micros(run.end_time)),
    "first_token_us": (lambda run: micros(run.first_token_time), lambda run: micros(run.first_token_time)),
    "latency_us": (lambda run: seconds(run.latency), lambda run: seconds(run.latency_seconds)),
    "error": (lambda run: run.error, lambda run: run.error),
    "prompt_tokens": (lambda run: run.prompt_tokens, lambda run: run.prompt_tokens),
    "completion_tokens": (lambda run: run.completion_tokens, lambda run: run.completion_tokens),
    "total_tokens": (lambda run: run.total_tokens, lambda run: run.total_tokens),
    "prompt_cost": (lambda run: decimal(run.prompt_cost), lambda run: decimal(run.prompt_cost)),
    "completion_cost": (lambda run: decimal(run.completion_cost), lambda run: decimal(run.completion_cost)),
    "total_cost": (lambda run: decimal(run.total_cost), lambda run: decimal(run.total_cost)),
    "prompt_token_details": (lambda run: run.prompt_token_details, lambda run: raw(run.prompt_token_details)),
    "completion_token_details": (lambda run: run.completion_token_details, lambda run: raw(run.completion_token_details)),
    "prompt_cost_details": (lambda run: decimals(run.prompt_cost_details), lambda run: decimals(raw(run.prompt_cost_details))),
    "completion_cost_details": (lambda run: decimals(run.completion_cost_details), lambda run: decimals(raw(run.completion_cost_details))),
    # Before the metadata: asking for those puts empty ones into it.
    "extra": (lambda run: copy.deepcopy(run.extra), lambda run: run.extra),
    "tags": (lambda run: run.tags, lambda run: run.tags),
    "metadata": (lambda run: run.metadata, lambda run: run.metadata),
    "feedback": (lambda run: run.feedback_stats, lambda run: {key: stats.model_dump(exclude_none=True) for key, stats in run.feedback_stats.items()} if run.feedback_stats else None),
    "thread_id": (None, lambda run: run.thread_id),
    "reference_example_id": (lambda run: text(run.reference_example_id), lambda run: run.reference_example_id),
    "reference_dataset_id": (None, lambda run: run.reference_dataset_id),
    "is_in_dataset": (lambda run: None if run.in_dataset is None else int(run.in_dataset), lambda run: int(run.is_in_dataset)),
    "app_path": (lambda run: run.app_path, lambda run: run.app_path),
    "inputs": (lambda run: run.inputs, lambda run: run.inputs),
    "outputs": (lambda run: run.outputs, lambda run: run.outputs),
    "events": (lambda run: events(run.events), lambda run: events(run.events)),
    "manifest": (lambda run: run.serialized, lambda run: run.manifest),
    "attachments": (lambda run: addresses(run.attachments), lambda run: run.attachments),
}

# What Client.list_runs leaves out unless it is asked for by name; the rest is what it asks for by itself.
LEFT_OUT = ["serialized", "prompt_token_details", "completion_token_details", "prompt_cost_details", "completion_cost_details", "in_dataset"]
NEEDED = ["id", "name", "run_type", "start_time", "trace_id", "dotted_order"]


def tell(version, run):
    index = {"v1": 0, "v2": 1}[version]
    print(json.dumps([version, {column: ways[index](run) for column, ways in COLUMNS.items() if ways[index]}], default=str))


async def by_version_2(client, project):
    # The share address is a secret.
    selects = [field for field in typing.get_args(RunSelectField) if field != "SHARE_URL"]
    now = datetime.datetime.now(datetime.timezone.utc)
    runs = client.runs.query_v2(project_ids=[str(project.id)], min_start_time=now - datetime.timedelta(days=1), max_start_time=now,
                                selects=selects, include_subtree_usage=True, page_size=7)
    async for run in runs:
        tell("v2", run)


async def by_traces(client, project):
    """The sums of whole traces."""
    now = datetime.datetime.now(datetime.timezone.utc)
    traces = client.traces.query(project_id=str(project.id), min_start_time=now - datetime.timedelta(days=1), max_start_time=now, page_size=3)
    async for trace in traces:
        sums = trace.trace_aggregates
        print(json.dumps(["traces", {"run_id": trace.root_run.id, "total_tokens": sums.total_tokens, "total_cost": decimal(sums.total_cost)}]))


client = Client()
for name in sys.argv[1:]:
    project = client.read_project(project_name=name)
    left_out = {run.id: run for run in client.list_runs(project_id=project.id, select=NEEDED + LEFT_OUT)}
    for run in client.list_runs(project_id=project.id):
        for name in LEFT_OUT:
            setattr(run, name, getattr(left_out[run.id], name))
        tell("v1", run)
        files = {name: list(file["reader"].read()) for name, file in (run.attachments or {}).items()}
        if files:
            print(json.dumps(["files", {"run_id": str(run.id), **files}]))
    asyncio.run(by_version_2(client, project))
    asyncio.run(by_traces(client, project))
for feedback in client.list_feedback():
    print(json.dumps(["feedback", {"run_id": str(feedback.run_id), "key": feedback.key, "score": feedback.score, "comment": feedback.comment}]))
