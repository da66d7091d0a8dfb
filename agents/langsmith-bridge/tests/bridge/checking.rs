//! `--check`: what it says of each thing that the bridge needs, and its exit code.
//! What a bridge at work says of the same troubles is in `refusals`.

use langsmith_test_server::{ContractServer, Fault, KEY, World};

use crate::now_ms;
use crate::standalone::run;

/// What `--check` printed, and its exit code.
async fn check(environment: &[(&str, &str)], flags: &[&str]) -> (String, Option<i32>) {
    let flags: Vec<&str> = ["--check"].iter().chain(flags).copied().collect();
    let output = run(environment, &flags).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        !text.contains(KEY) && !errors.contains(KEY),
        "{text}{errors}"
    );
    (text, output.status.code())
}

fn reads(server: &ContractServer) -> [(&'static str, &str); 2] {
    [
        ("LANGSMITH_ENDPOINT", server.url()),
        ("LANGSMITH_API_KEY", KEY),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_what_works_says_so_line_by_line_and_reads_one_page() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let (text, code) = check(&reads(&server), &[]).await;
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "✓ settings: http://127.0.0.1",
        "✓ network: an answer after",
        "✓ server: LangSmith 0.16.0; runs come from both of its stores",
        "✓ key: LANGSMITH_API_KEY is accepted",
        "✓ project `default`: aaaaaaaa-",
        "/projects/p/aaaaaaaa-",
        "✓ runs of `default`: version 2 of the API answers, the newest run began at 20",
        "everything that the bridge needs works",
    ] {
        assert!(text.contains(line), "`{line}` is missing in {text}");
    }
    assert_eq!(server.world().run_queries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_which_version_of_the_api_answers() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.only_v1 = true;
    let server = ContractServer::start(world).await;
    let (text, code) = check(&reads(&server), &[]).await;
    assert!(text.contains("✓ runs of `default`: version 1"), "{text}");
    assert!(text.contains("! version 1 is removed"), "{text}");
    assert_eq!(code, Some(0));
    let (text, code) = check(&reads(&server), &["--api=v2"]).await;
    assert!(
        text.contains("✗ runs of `default`: failed to get data: HTTP 404"),
        "{text}"
    );
    assert_eq!(code, Some(1));
    server.assert_contract_was_kept();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_which_fields_the_server_does_not_know() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    world.refused_selects.0 = vec!["LAST_QUEUED_AT", "LS_USER_ID"];
    let server = ContractServer::start(world).await;
    let (text, code) = check(&reads(&server), &[]).await;
    for field in ["LAST_QUEUED_AT", "LS_USER_ID"] {
        let line = format!("! runs of `default`: the server does not know the field {field};");
        assert!(text.contains(&line), "`{line}` is missing in {text}");
    }
    assert!(text.contains("✓ runs of `default`: version 2"), "{text}");
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_explains_a_refusal_with_what_to_set() {
    let server = ContractServer::start(World::new()).await;
    let endpoint = ("LANGSMITH_ENDPOINT", server.url());
    let (text, code) = check(&[endpoint, ("LANGCHAIN_API_KEY", "lsv2_wrong")], &[]).await;
    assert_eq!(code, Some(1));
    assert!(
        text.contains("✗ key:") && text.contains("LANGCHAIN_API_KEY is not accepted"),
        "{text}"
    );
    assert!(!text.contains("lsv2_wrong"));

    server.world().needed_workspace = Some("w");
    let (text, code) = check(&reads(&server), &[]).await;
    assert!(
        text.contains("✗ key:") && text.contains("set LANGSMITH_WORKSPACE_ID"),
        "{text}"
    );
    assert_eq!(code, Some(1));

    server.world().needed_workspace = None;
    server.world().faults = vec![("/sessions", Fault::Html(403))];
    let (text, code) = check(&reads(&server), &[]).await;
    assert!(text.contains("a proxy or firewall refuses"), "{text}");
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_the_projects_that_exist_where_one_is_missing_and_goes_on_with_the_others() {
    let server = ContractServer::start(World::with_runs(3, now_ms(), 60_000)).await;
    let (text, code) = check(&reads(&server), &["--projects=mail,default"]).await;
    assert!(text.contains("✗ project `mail`: there is none"), "{text}");
    assert!(text.contains("one of `other`, `default`"), "{text}");
    assert!(text.contains("✓ runs of `default`"), "{text}");
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_without_what_it_takes_to_ask_has_a_code_of_its_own() {
    let (text, code) = check(&[], &[]).await;
    assert!(
        text.contains("✗ settings: no API key: set LANGSMITH_API_KEY"),
        "{text}"
    );
    assert_eq!(code, Some(2));
    let wrong = [("LANGSMITH_ENDPOINT", "smith"), ("LANGSMITH_API_KEY", KEY)];
    let (text, code) = check(&wrong, &[]).await;
    assert!(text.contains("(LANGSMITH_ENDPOINT) is not a URL"), "{text}");
    assert_eq!(code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_an_address_where_nobody_listens_names_the_variable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let environment = [
        ("LANGSMITH_ENDPOINT", endpoint.as_str()),
        ("LANGSMITH_API_KEY", KEY),
    ];
    let (text, code) = check(&environment, &[]).await;
    assert!(text.contains("✗ network: failed to connect"), "{text}");
    assert!(text.contains("check LANGSMITH_ENDPOINT"), "{text}");
    assert_eq!(code, Some(1));
}
