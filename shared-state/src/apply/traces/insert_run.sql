-- A run that is seen for the first time.
INSERT INTO trace_runs (
    trace_id, parent_run_id, parent_run_ids, dotted_order, name, run_type, status, is_root, start_us, end_us,
    first_token_us, latency_us, error, model, provider, prompt_tokens, completion_tokens, total_tokens,
    prompt_cost, completion_cost, total_cost, prompt_token_details, completion_token_details,
    prompt_cost_details, completion_cost_details, price_model_id, tags, metadata, feedback, thread_id,
    reference_example_id, reference_dataset_id, is_in_dataset, app_path, last_queued_us,
    thread_evaluation_us, ls_user_id, is_abandoned, run_id, project_no, writer_id, received_ms, updated_ms,
    series_no, error_group_no
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
    ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?42, ?43,
    ?44
)
