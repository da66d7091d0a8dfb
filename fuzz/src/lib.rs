//! What the targets share: whether a message is the same after it was written and read again.
//! It feeds nothing.

use serde::Serialize;
use serde_json::Value;

/// Panics unless both are the same, apart from the last bits of floats: `serde_json` reads those a few units in the last
/// place off, unless its feature `float_roundtrip` is on, which costs speed with every figure.
pub fn assert_same<T: Serialize>(read_again: &T, read: &T) {
    let value_of = |message| serde_json::to_value(message).expect("a message is JSON");
    let (read_again, read) = (value_of(read_again), value_of(read));
    assert!(
        is_same(&read_again, &read),
        "{read} became {read_again} when written and read again"
    );
}

fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| is_same(left, right)))
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() && right.is_f64() => {
            let (left, right) = (left.as_f64(), right.as_f64());
            left.zip(right).is_some_and(|(left, right)| {
                (left - right).abs() <= left.abs().max(right.abs()) * (4.0 * f64::EPSILON)
            })
        }
        _ => left == right,
    }
}
