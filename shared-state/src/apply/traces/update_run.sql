-- A run of which something changed: all of it, merged with what was known.
UPDATE trace_runs SET
    trace_id = ?1, parent_run_id = ?2, parent_run_ids = ?3, dotted_order = ?4, name = ?5, run_type = ?6,
    status = ?7, is_root = ?8, start_us = ?9, end_us = ?10, first_token_us = ?11, latency_us = ?12,
    error = ?13, model = ?14, provider = ?15, prompt_tokens = ?16, completion_tokens = ?17,
    total_tokens = ?18, prompt_cost = ?19, completion_cost = ?20, total_cost = ?21,
    prompt_token_details = ?22, completion_token_details = ?23, prompt_cost_details = ?24,
    completion_cost_details = ?25, price_model_id = ?26, tags = ?27, metadata = ?28, feedback = ?29,
    thread_id = ?30, reference_example_id = ?31, reference_dataset_id = ?32, is_in_dataset = ?33,
    app_path = ?34, last_queued_us = ?35, thread_evaluation_us = ?36, ls_user_id = ?37, is_abandoned = ?38,
    project_no = ?40, writer_id = ?41, updated_ms = ?42, series_no = ?43, error_group_no = ?44
WHERE run_no = ?39
