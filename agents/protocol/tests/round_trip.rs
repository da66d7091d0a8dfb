//! Random messages survive encoding and decoding, random bytes harm nothing. Failing cases are printed by proptest.

use std::collections::BTreeMap;

use agent_protocol::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Numbers that decimal text holds exactly: `serde_json` may be off by the last bit of others.
fn figure() -> impl Strategy<Value = f64> {
    any::<i32>().prop_map(|eighths| f64::from(eighths) / 8.0)
}

fn figures() -> impl Strategy<Value = BTreeMap<String, f64>> {
    btree_map(any::<String>(), figure(), 0..4)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        figure().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Ok),
        Just(Status::Degraded),
        Just(Status::Error)
    ]
}

fn alert() -> impl Strategy<Value = Alert> {
    let judged = (
        any::<bool>(),
        any::<bool>(),
        option::of(figure()),
        option::of(figure()),
    );
    let told = (
        any::<String>(),
        any::<String>(),
        value(),
        option::of(any::<String>()),
    );
    (judged, told).prop_map(
        |((bad, over, value, threshold), (key, message, evidence, recommendation))| Alert {
            key,
            severity: if bad {
                Severity::Critical
            } else {
                Severity::Warning
            },
            state: if over {
                AlertState::Resolved
            } else {
                AlertState::Firing
            },
            message,
            value,
            threshold,
            evidence,
            recommendation,
        },
    )
}

fn status_message() -> impl Strategy<Value = AgentMessage> {
    let heartbeat = (
        any::<u64>(),
        status(),
        any::<String>(),
        figures(),
        option::of(any::<i64>()),
    );
    let level = prop_oneof![
        Just(Level::Debug),
        Just(Level::Info),
        Just(Level::Warn),
        Just(Level::Error)
    ];
    prop_oneof![
        (
            any::<u32>(),
            any::<String>(),
            any::<String>(),
            vec(any::<String>(), 0..3)
        )
            .prop_map(|(protocol, name, version, task_kinds)| AgentMessage::Hello(
                AgentHello {
                    protocol,
                    name,
                    version,
                    task_kinds
                }
            )),
        Just(AgentMessage::Ready),
        heartbeat.prop_map(
            |(seq, status, message, metrics, ts_ms)| AgentMessage::Heartbeat(Heartbeat {
                seq,
                status,
                message,
                metrics,
                ts_ms
            })
        ),
        (option::of(any::<String>()), figures())
            .prop_map(|(subject, metrics)| AgentMessage::Metrics(Metrics { subject, metrics })),
        (level, any::<String>(), any::<String>(), value()).prop_map(
            |(level, kind, message, data)| {
                AgentMessage::Event(Event {
                    level,
                    kind,
                    message,
                    data,
                })
            }
        ),
        alert().prop_map(AgentMessage::Alert),
        any::<String>().prop_map(|reason| AgentMessage::Stopping(Stopping { reason })),
    ]
}

fn work_message() -> impl Strategy<Value = AgentMessage> {
    let cursor =
        option::of((any::<String>(), value()).prop_map(|(name, value)| Cursor { name, value }));
    prop_oneof![
        ("[a-z]{1,512}", value()).prop_map(|(key, value)| AgentMessage::Put(Put { key, value })),
        "[a-zé/]{1,256}".prop_map(|key| AgentMessage::Delete(Delete { key })),
        (any::<u64>(), any::<String>(), vec(value(), 0..4), cursor).prop_map(
            |(id, kind, rows, cursor)| AgentMessage::Records(Records {
                id,
                kind,
                rows: rows
                    .iter()
                    .map(|row| serde_json::value::to_raw_value(row).expect("plain data"))
                    .collect(),
                cursor
            })
        ),
        (any::<u64>(), any::<String>(), value()).prop_map(|(id, kind, payload)| {
            AgentMessage::TaskSubmit(TaskSubmit { id, kind, payload })
        }),
        (any::<String>(), option::of(figure()), any::<String>()).prop_map(
            |(id, fraction, message)| {
                AgentMessage::TaskProgress(TaskProgress {
                    id,
                    fraction,
                    message,
                })
            }
        ),
        (
            any::<String>(),
            any::<bool>(),
            value(),
            option::of(any::<String>())
        )
            .prop_map(
                |(id, ok, result, error)| AgentMessage::TaskResult(TaskResult {
                    id,
                    ok,
                    result,
                    error
                })
            ),
    ]
}

fn coordinator_message() -> impl Strategy<Value = CoordinatorMessage> {
    let who = (any::<u32>(), any::<String>(), any::<String>(), any::<i64>());
    let what = (
        value(),
        any::<String>(),
        any::<String>(),
        btree_map(any::<String>(), value(), 0..3),
    );
    prop_oneof![
        (who, what).prop_map(
            |((protocol, agent, instance, invocation), (config, database, socket, cursors))| {
                CoordinatorMessage::Hello(CoordinatorHello {
                    protocol,
                    agent,
                    instance,
                    invocation,
                    config,
                    database,
                    socket,
                    cursors,
                })
            }
        ),
        any::<u64>().prop_map(|id| CoordinatorMessage::Ack(Ack { id })),
        (any::<u64>(), any::<String>(), any::<bool>())
            .prop_map(|(id, reason, retry)| CoordinatorMessage::Nack(Nack { id, reason, retry })),
        (
            any::<String>(),
            any::<u32>(),
            any::<String>(),
            value(),
            option::of(any::<i64>())
        )
            .prop_map(
                |(id, attempt, kind, payload, deadline_ms)| CoordinatorMessage::Task(Task {
                    id,
                    attempt,
                    kind,
                    payload,
                    deadline_ms
                })
            ),
        any::<String>().prop_map(|id| CoordinatorMessage::Cancel(Cancel { id })),
        any::<u64>().prop_map(|grace_ms| CoordinatorMessage::Stop(Stop { grace_ms })),
    ]
}

proptest! {
    #[test]
    fn every_agent_message_survives_the_wire(message in prop_oneof![status_message(), work_message()]) {
        let line = encode(&message).unwrap();
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        prop_assert_eq!(decode(line.strip_suffix(b"\n").unwrap()), Decoded::Message(message));
    }

    #[test]
    fn every_coordinator_message_survives_the_wire(message in coordinator_message()) {
        let line = encode(&message).unwrap();
        prop_assert_eq!(decode_coordinator(line.strip_suffix(b"\n").unwrap()), Ok(message));
    }

    #[test]
    fn arbitrary_bytes_never_panic(line in vec(any::<u8>(), 0..300)) {
        decode(&line);
        let _ = decode_coordinator(&line);
    }

    #[test]
    fn a_message_with_arbitrary_damage_never_panics(
        message in prop_oneof![status_message(), work_message()],
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut line = encode(&message).unwrap();
        for (place, byte) in damage {
            let place = place.index(line.len());
            line[place] = byte;
        }
        decode(&line);
    }

    #[test]
    fn the_order_of_keys_does_not_matter(message in prop_oneof![status_message(), work_message()]) {
        // A map of serde_json is sorted, so `type` is no longer the first key.
        let Value::Object(object) = serde_json::to_value(&message).unwrap() else {
            panic!("a message is an object")
        };
        let line = serde_json::to_vec(&object).unwrap();
        prop_assert_eq!(decode(&line), Decoded::Message(message));
    }
}
