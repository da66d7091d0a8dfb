//! Announcements that a path of the API goes away, as an alert that lasts as long as they come.
//! The event that tells of it once is tested in `troubles`.

use agent_protocol::{AlertState, Severity};
use langsmith_test_server::{ContractServer, World};

use crate::coordinator::{Coordinator, Store};
use crate::{SOON, now_ms};

fn last_state(store: &Store) -> Option<AlertState> {
    let about_runs = |key: &str| key == "api_deprecated/runs/query";
    let mut alerts = store.alerts.iter().rev();
    Some(alerts.find(|alert| about_runs(&alert.key))?.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecation_without_a_date_is_an_alert_and_one_that_is_denied_is_none() {
    for (value, is_raised) in [("true", true), ("@1767225600", true), ("false", false)] {
        let mut world = World::with_runs(3, now_ms(), 60_000);
        world.headers = vec![("deprecation", value.into())];
        let server = ContractServer::start(world).await;
        let coordinator = Coordinator::default();
        let _bridge = coordinator.start(&server, &[]).await;
        coordinator
            .wait_until("it has pulled", SOON, |store| {
                last_state(store).is_some() && store.metric("watermark_ms").is_some()
            })
            .await;
        let state = last_state(&coordinator.store());
        let expected = if is_raised {
            AlertState::Firing
        } else {
            AlertState::Resolved
        };
        assert_eq!(state, Some(expected), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_end_is_an_alert_until_it_is_no_longer_announced() {
    let mut world = World::with_runs(3, now_ms(), 60_000);
    let date = "Sun, 31 Jan 2027 00:00:00 GMT";
    world.headers = vec![("deprecation", "true".into()), ("sunset", date.into())];
    let server = ContractServer::start(world).await;
    let coordinator = Coordinator::default();
    let bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("it is raised", SOON, |store| {
            last_state(store) == Some(AlertState::Firing) && store.heartbeats.len() > 3
        })
        .await;
    {
        let store = coordinator.store();
        let about_runs = |key: &str| key == "api_deprecated/runs/query";
        let raised: Vec<_> = store
            .alerts
            .iter()
            .filter(|alert| about_runs(&alert.key))
            .collect();
        assert_eq!(raised.len(), 1, "once: {raised:?}");
        assert_eq!(raised[0].severity, Severity::Warning);
        assert_eq!(raised[0].evidence["header"], "sunset");
        assert_eq!(raised[0].evidence["value"], date);
        assert!(raised[0].recommendation.is_some());
    }
    // Another process does not know of the alert and ends it all the same.
    bridge.kill().await;
    server.world().headers.clear();
    let _bridge = coordinator.start(&server, &[]).await;
    coordinator
        .wait_until("it ends", SOON, |store| {
            last_state(store) == Some(AlertState::Resolved)
        })
        .await;
}
