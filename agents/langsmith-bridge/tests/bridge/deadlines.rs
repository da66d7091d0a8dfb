//! Servers that accept a connection or not even that, and then say nothing: each wait has an end and a word for it.
//! A body that stalls is tested beside the other faults that pass (`troubles`).

use langsmith_test_server::KEY;
use tokio::net::{TcpListener, TcpSocket};

use crate::SOON;
use crate::coordinator::Coordinator;

async fn is_told(endpoint: &str, flags: &[&str], words: &'static str) {
    let coordinator = Coordinator::default();
    let environment = [("LANGSMITH_ENDPOINT", endpoint), ("LANGSMITH_API_KEY", KEY)];
    let _bridge = coordinator.start_with(&environment, flags).await;
    coordinator
        .wait_until("it says what did not happen in time", SOON, |store| {
            store.message().contains(words)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_connection_is_given_up() {
    // A queue of connections that nobody takes is soon full; the kernel then answers no further one.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut taken = Vec::new();
    let at_once = std::time::Duration::from_millis(200);
    while let Ok(connection) = std::net::TcpStream::connect_timeout(&address, at_once) {
        taken.push(connection);
        assert!(taken.len() < 100, "the queue fills");
    }
    let words = "failed to connect: no connection within 300ms";
    is_told(
        &format!("http://{address}"),
        &["--connect-timeout=300ms"],
        words,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_to_tls_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let words = "failed to connect: no connection within 300ms";
    is_told(&endpoint, &["--connect-timeout=300ms"], words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_a_request_and_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let words = "failed to get an answer within 1 s";
    is_told(&endpoint, &["--request-timeout=1s"], words).await;
}
