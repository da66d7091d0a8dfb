-- What is known of a run: its keys, then the fields in the order of `read_row::RUN`.
SELECT
    run_no, project_no, series_no, error_group_no, trace_id, parent_run_id, parent_run_ids, dotted_order,
    name, run_type, status, is_root, start_us, end_us, first_token_us, latency_us, error, model, provider,
    prompt_tokens, completion_tokens, total_tokens, prompt_cost, completion_cost, total_cost,
    prompt_token_details, completion_token_details, prompt_cost_details, completion_cost_details,
    price_model_id, tags, metadata, feedback, thread_id, reference_example_id, reference_dataset_id,
    is_in_dataset, app_path, last_queued_us, thread_evaluation_us, ls_user_id, is_abandoned
FROM trace_runs WHERE run_id = ?1
