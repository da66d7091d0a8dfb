-- A run as it was last seen. What the row does not tell (NULL) keeps what is known; a run that has ended does not
-- become pending again; `updated_ms` moves only when something changed.
INSERT INTO trace_runs (
    run_id, project_id, project, trace_id, parent_run_id, name,
    run_type, status, is_root, start_ms, end_ms, first_token_ms,
    latency_ms, error, model, provider, prompt_tokens, completion_tokens,
    total_tokens, prompt_cost, completion_cost, total_cost, tags, metadata,
    feedback, thread_id,
    writer_id, received_ms, updated_ms
)
VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26,
    ?27, ?28, ?28
)
ON CONFLICT (run_id) DO UPDATE SET
    project_id = excluded.project_id,
    status = CASE WHEN excluded.status = 'pending' THEN coalesce(trace_runs.status, 'pending')
        ELSE coalesce(excluded.status, trace_runs.status) END,
    project = coalesce(excluded.project, trace_runs.project),
    trace_id = coalesce(excluded.trace_id, trace_runs.trace_id),
    parent_run_id = coalesce(excluded.parent_run_id, trace_runs.parent_run_id),
    name = coalesce(excluded.name, trace_runs.name),
    run_type = coalesce(excluded.run_type, trace_runs.run_type),
    is_root = coalesce(excluded.is_root, trace_runs.is_root),
    start_ms = coalesce(excluded.start_ms, trace_runs.start_ms),
    end_ms = coalesce(excluded.end_ms, trace_runs.end_ms),
    first_token_ms = coalesce(excluded.first_token_ms, trace_runs.first_token_ms),
    latency_ms = coalesce(excluded.latency_ms, trace_runs.latency_ms),
    error = coalesce(excluded.error, trace_runs.error),
    model = coalesce(excluded.model, trace_runs.model),
    provider = coalesce(excluded.provider, trace_runs.provider),
    prompt_tokens = coalesce(excluded.prompt_tokens, trace_runs.prompt_tokens),
    completion_tokens = coalesce(excluded.completion_tokens, trace_runs.completion_tokens),
    total_tokens = coalesce(excluded.total_tokens, trace_runs.total_tokens),
    prompt_cost = coalesce(excluded.prompt_cost, trace_runs.prompt_cost),
    completion_cost = coalesce(excluded.completion_cost, trace_runs.completion_cost),
    total_cost = coalesce(excluded.total_cost, trace_runs.total_cost),
    tags = coalesce(excluded.tags, trace_runs.tags),
    metadata = coalesce(excluded.metadata, trace_runs.metadata),
    feedback = coalesce(excluded.feedback, trace_runs.feedback),
    thread_id = coalesce(excluded.thread_id, trace_runs.thread_id),
    writer_id = excluded.writer_id,
    updated_ms = excluded.updated_ms
WHERE
    excluded.project_id IS NOT trace_runs.project_id
    OR (coalesce(excluded.status, trace_runs.status) IS NOT trace_runs.status
        AND (excluded.status <> 'pending' OR trace_runs.status IS NULL))
    OR coalesce(excluded.project, trace_runs.project) IS NOT trace_runs.project
    OR coalesce(excluded.trace_id, trace_runs.trace_id) IS NOT trace_runs.trace_id
    OR coalesce(excluded.parent_run_id, trace_runs.parent_run_id) IS NOT trace_runs.parent_run_id
    OR coalesce(excluded.name, trace_runs.name) IS NOT trace_runs.name
    OR coalesce(excluded.run_type, trace_runs.run_type) IS NOT trace_runs.run_type
    OR coalesce(excluded.is_root, trace_runs.is_root) IS NOT trace_runs.is_root
    OR coalesce(excluded.start_ms, trace_runs.start_ms) IS NOT trace_runs.start_ms
    OR coalesce(excluded.end_ms, trace_runs.end_ms) IS NOT trace_runs.end_ms
    OR coalesce(excluded.first_token_ms, trace_runs.first_token_ms) IS NOT trace_runs.first_token_ms
    OR coalesce(excluded.latency_ms, trace_runs.latency_ms) IS NOT trace_runs.latency_ms
    OR coalesce(excluded.error, trace_runs.error) IS NOT trace_runs.error
    OR coalesce(excluded.model, trace_runs.model) IS NOT trace_runs.model
    OR coalesce(excluded.provider, trace_runs.provider) IS NOT trace_runs.provider
    OR coalesce(excluded.prompt_tokens, trace_runs.prompt_tokens) IS NOT trace_runs.prompt_tokens
    OR coalesce(excluded.completion_tokens, trace_runs.completion_tokens) IS NOT trace_runs.completion_tokens
    OR coalesce(excluded.total_tokens, trace_runs.total_tokens) IS NOT trace_runs.total_tokens
    OR coalesce(excluded.prompt_cost, trace_runs.prompt_cost) IS NOT trace_runs.prompt_cost
    OR coalesce(excluded.completion_cost, trace_runs.completion_cost) IS NOT trace_runs.completion_cost
    OR coalesce(excluded.total_cost, trace_runs.total_cost) IS NOT trace_runs.total_cost
    OR coalesce(excluded.tags, trace_runs.tags) IS NOT trace_runs.tags
    OR coalesce(excluded.metadata, trace_runs.metadata) IS NOT trace_runs.metadata
    OR coalesce(excluded.feedback, trace_runs.feedback) IS NOT trace_runs.feedback
    OR coalesce(excluded.thread_id, trace_runs.thread_id) IS NOT trace_runs.thread_id
