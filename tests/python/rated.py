"""Traces a run and rates it, or rates a run that another program has traced long ago: `rated.py new`, `rated.py RUN_ID SCORE`."""

import json
import sys

from langsmith import Client, traceable

client = Client()
errors = []
client._tracing_error_callback = lambda error: errors.append(repr(error))
if sys.argv[1] == "new":
    made = []

    @traceable(run_type="llm", client=client)
    def model(question, run_tree=None):
        made.append(run_tree)
        return "42"

    model("what is it?")
    client.flush()
    run = made[0]
    # Together with the runs, in the background.
    client.create_feedback(run.id, key="helpful", score=1, trace_id=run.trace_id, comment="at once")
    client.flush()
    print(json.dumps({"run_id": str(run.id), "errors": errors}))
else:
    # Only the run is known by now: neither its trace nor its project.
    client.create_feedback(sys.argv[1], key="helpful", score=float(sys.argv[2]), comment="later")
    client.flush()
    print(json.dumps({"run_id": sys.argv[1], "errors": errors}))
client.close()
