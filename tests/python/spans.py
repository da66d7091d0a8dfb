"""A program that is traced by OpenTelemetry's own SDK and exporter, with the attributes of the GenAI conventions. Prints each span as the
row that it has to be, from the span itself; then what the exporter sent and was told.
"""

import hashlib
import json
import sys
import uuid

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.trace import StatusCode

ROUNDS = int(sys.argv[1])
NAMESPACE = uuid.UUID("b0a9a0e7-6f0c-4e53-8a27-5f4f8f0f2c11")
sent, done = [], []


class Session(requests.Session):
    """Looks at what goes out and at its answer."""

    def send(self, request, **kwargs):
        response = super().send(request, **kwargs)
        sent.append([request.headers.get("Content-Type"), request.headers.get("Content-Encoding"), response.status_code, response.text])
        return response


def run_id(trace, span):
    name = trace.to_bytes(16, "big") + span.to_bytes(8, "big")
    # uuid.uuid5 takes bytes only from Python 3.12 on.
    return str(uuid.UUID(bytes=hashlib.sha1(NAMESPACE.bytes + name).digest()[:16], version=5))


def note(span, **row):
    done.append((span, row))


def told(span, row):
    """What every span tells."""
    context, (start, end) = span.get_span_context(), (span.start_time // 1000, span.end_time // 1000)
    return {"run_id": run_id(context.trace_id, context.span_id), "trace_id": str(uuid.UUID(int=context.trace_id)),
            "parent_run_id": run_id(context.trace_id, span.parent.span_id) if span.parent else None, "is_root": int(span.parent is None),
            "name": span.name, "start_us": start, "end_us": end, "latency_us": end - start, "status": "success", "project": "my project", **row}


provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
# Address, compression and project come from the environment, as the documentation says.
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=Session()), max_export_batch_size=16))
tracer = provider.get_tracer("shop")
for n in range(ROUNDS):
    with tracer.start_as_current_span("invoke_agent shop", attributes={gen_ai.GEN_AI_OPERATION_NAME: "invoke_agent", gen_ai.GEN_AI_CONVERSATION_ID: f"t{n}",
                                                                      "langsmith.span.tags": "production, ä"}) as root:
        note(root, run_type="chain", thread_id=f"t{n}", tags=["production", "ä"])
        with tracer.start_as_current_span("chat model-a", attributes={
                gen_ai.GEN_AI_OPERATION_NAME: "chat", gen_ai.GEN_AI_PROVIDER_NAME: "maker", gen_ai.GEN_AI_REQUEST_MODEL: "model-a",
                gen_ai.GEN_AI_INPUT_MESSAGES: json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Grüße"}]}])}) as model:
            model.set_attributes({gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 1234567 + n, gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 3,
                                  gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 5, gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 2})
            note(model, run_type="llm", model="model-a", provider="maker", prompt_tokens=1234567 + n, completion_tokens=3, total_tokens=1234570 + n,
                 prompt_token_details={"cache_read": 5}, completion_token_details={"reasoning": 2},
                 inputs={"input": [{"role": "user", "parts": [{"type": "text", "content": "Grüße"}]}]})
        try:
            with tracer.start_as_current_span("execute_tool search", attributes={gen_ai.GEN_AI_OPERATION_NAME: "execute_tool"}) as tool:
                note(tool, run_type="tool", status="error")
                raise ValueError("no answer")
        except ValueError:
            pass
        with tracer.start_as_current_span("plain") as plain:
            plain.set_status(StatusCode.ERROR, "by hand")
            note(plain, run_type="chain", status="error", error="by hand")
assert provider.force_flush()
provider.shutdown()
for span, row in done:
    row = told(span, row)
    if row["name"] == "execute_tool search":
        row["error"] = span.status.description
    print(json.dumps(row))
print(json.dumps(sent))
