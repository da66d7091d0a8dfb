//! Durations counted in buckets that are fixed for ever, so that histograms merge and subtract exactly.
//! It knows neither runs nor SQL.

/// Buckets of each power of two. A bucket is at most 1/64 of its values wide and stands for its middle, so that a percentile
/// is at most 1/128 (0.79 %) away from the value that a sorted list has at that rank.
const PER_OCTAVE: u64 = 64;
/// Below this each value has a bucket of its own.
const EXACT: u64 = 2 * PER_OCTAVE;

/// The bucket of the largest value.
const BUCKET_MAX: u16 = 64 * 57 + 127;

/// The bucket of a value.
fn bucket(value: u64) -> u16 {
    if value < EXACT {
        return u16::try_from(value).unwrap_or(0);
    }
    let shift = u64::from(63 - value.leading_zeros()) - u64::from(PER_OCTAVE.ilog2());
    u16::try_from(PER_OCTAVE * shift + (value >> shift)).unwrap_or(BUCKET_MAX)
}

/// The middle of a bucket.
fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < EXACT {
        return bucket;
    }
    let shift = bucket / PER_OCTAVE - 1;
    let low = (bucket % PER_OCTAVE + PER_OCTAVE) << shift;
    low + ((1 << shift) - 1) / 2
}

/// The largest value of a bucket.
fn highest(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < EXACT {
        return bucket;
    }
    let shift = bucket / PER_OCTAVE - 1;
    ((bucket % PER_OCTAVE + PER_OCTAVE) << shift) + ((1 << shift) - 1)
}

/// Counts by bucket, in the order of buckets. Counts below zero occur in differences only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram(Vec<(u16, i64)>);

impl Histogram {
    /// Counts a value `times` times; negative to take it out again.
    pub(crate) fn count(&mut self, value: u64, times: i64) {
        let bucket = bucket(value);
        match self.0.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(at) => {
                self.0[at].1 += times;
                if self.0[at].1 == 0 {
                    self.0.remove(at);
                }
            }
            Err(at) => self.0.insert(at, (bucket, times)),
        }
    }

    /// Adds all that another one has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.0.is_empty() {
            return;
        }
        let mine = std::mem::take(&mut self.0);
        self.0.reserve(mine.len() + other.0.len());
        let (mut mine, mut theirs) = (mine.into_iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (mine.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    let sum = (a.0, a.1.saturating_add(b.1));
                    mine.next();
                    theirs.next();
                    sum
                }
                (Some(a), Some(b)) if a.0 > b.0 => {
                    let entry = **b;
                    theirs.next();
                    entry
                }
                (None, Some(b)) => {
                    let entry = **b;
                    theirs.next();
                    entry
                }
                (Some(a), _) => {
                    let entry = *a;
                    mine.next();
                    entry
                }
                (None, None) => return,
            };
            if next.1 != 0 {
                self.0.push(next);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pairs of varints: the distance to the bucket before, and the count.
    pub(crate) fn to_blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(self.0.len() * 3);
        let mut before = 0;
        for (bucket, count) in &self.0 {
            put_varint(&mut blob, u64::from(bucket - before));
            // What is stored is a sum of runs that are there: never negative.
            put_varint(&mut blob, u64::try_from(*count).unwrap_or(0));
            before = *bucket;
        }
        blob
    }

    pub(crate) fn from_blob(blob: &[u8]) -> Self {
        Self(entries(blob).collect())
    }
}

fn put_varint(blob: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        blob.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    blob.push(value as u8);
}

fn take_varint(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The buckets of a blob. A damaged one ends early.
pub(crate) fn entries(blob: &[u8]) -> impl Iterator<Item = (u16, i64)> {
    let mut bytes = blob.iter();
    let mut bucket = 0_u16;
    std::iter::from_fn(move || {
        let distance = u16::try_from(take_varint(&mut bytes)?).ok()?;
        bucket = bucket
            .checked_add(distance)
            .filter(|bucket| *bucket <= BUCKET_MAX)?;
        Some((bucket, i64::try_from(take_varint(&mut bytes)?).ok()?))
    })
}

/// What no value that was counted in a stored histogram is above. `None` where nothing was counted.
pub(crate) fn bound_of_blob(blob: &[u8]) -> Option<i64> {
    let (bucket, _) = entries(blob).last()?;
    Some(i64::try_from(highest(bucket)).unwrap_or(i64::MAX))
}

/// Entries that wait to be counted. Most unions of a page are of rare names that are never listed: they stay a short list and
/// cost no room for all their buckets.
const WAITING_MAX: usize = 2_048;

/// The union of many stored histograms, for percentiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Union {
    waiting: Vec<(u16, i64)>,
    counted: Buckets,
}

/// Counts of the stretch of buckets that occurs.
#[derive(Clone, Debug, Default)]
struct Buckets {
    first: usize,
    counts: Vec<u64>,
    total: u64,
}

impl Union {
    /// Adds the buckets of a stored histogram, see [`entries`].
    pub(crate) fn add(&mut self, entries: &[(u16, i64)]) {
        self.waiting.extend_from_slice(entries);
        if self.waiting.len() > WAITING_MAX {
            self.counted.add(&self.waiting);
            self.waiting.clear();
        }
    }

    /// Adds all that another one has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.add(&other.waiting);
        for (at, count) in other.counted.counts.iter().enumerate() {
            if *count > 0 {
                self.counted.count(other.counted.first + at, *count);
            }
        }
    }

    /// How many values there are, and those at the nearest ranks: at least so many percent of all values are not larger. `None`
    /// where nothing was counted.
    pub(crate) fn percentiles<const N: usize>(
        &self,
        percents: [u64; N],
    ) -> Option<(u64, [i64; N])> {
        let mut all = self.counted.clone();
        all.add(&self.waiting);
        let mut values = [0; N];
        for (value, percent) in values.iter_mut().zip(percents) {
            *value = all.percentile(percent)?;
        }
        Some((all.total, values))
    }
}

impl Buckets {
    fn add(&mut self, entries: &[(u16, i64)]) {
        for (bucket, count) in entries {
            self.count(usize::from(*bucket), u64::try_from(*count).unwrap_or(0));
        }
    }

    fn count(&mut self, bucket: usize, count: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        } else if bucket < self.first {
            let before = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, before));
            self.first = bucket;
        }
        let at = bucket - self.first;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
        self.total = self.total.saturating_add(count);
    }

    fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (u128::from(self.total) * u128::from(percent))
            .div_ceil(100)
            .max(1);
        let mut seen = 0_u128;
        let at = self.counts.iter().position(|count| {
            seen += u128::from(*count);
            seen >= rank
        })?;
        i64::try_from(middle(u16::try_from(self.first + at).ok()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.count(*value, 1));
        histogram
    }

    fn value() -> impl Strategy<Value = u64> {
        // All magnitudes alike.
        (0..63_u32, any::<u64>()).prop_map(|(bits, value)| value >> 1 >> bits)
    }

    proptest! {
        #[test]
        fn a_merge_is_the_histogram_of_the_union(
            a in prop::collection::vec(value(), 0..60), b in prop::collection::vec(value(), 0..60),
        ) {
            let mut merged = of(&a);
            merged.add(&of(&b));
            prop_assert_eq!(&merged, &of(&[a.clone(), b].concat()));
            prop_assert_eq!(Histogram::from_blob(&merged.to_blob()), merged);
        }

        #[test]
        fn subtracting_undoes(
            a in prop::collection::vec(value(), 0..60), b in prop::collection::vec(value(), 0..60),
        ) {
            let mut histogram = of(&a);
            histogram.add(&of(&b));
            b.iter().for_each(|value| histogram.count(*value, -1));
            prop_assert_eq!(&histogram, &of(&a));
            let mut none = Histogram::default();
            a.iter().for_each(|value| none.count(*value, -1));
            histogram.add(&none);
            prop_assert!(histogram.is_empty());
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_list_within_the_stated_error(
            mut values in prop::collection::vec(value(), 1..300), times in prop::sample::select(vec![1, 50]),
        ) {
            let (mut union, mut other) = (Union::default(), Union::default());
            let (half, rest) = values.split_at(values.len() / 2);
            // Often enough that some are counted and some wait; the same number of times each changes no rank.
            for _ in 0..times {
                union.add(&of(half).0);
                other.add(&entries(&of(rest).to_blob()).collect::<Vec<_>>());
            }
            union.merge(&other);
            values.sort_unstable();
            for percent in [1, 50, 95, 99, 100] {
                let rank = (values.len() * percent).div_ceil(100).max(1);
                let exact = i128::from(values[rank - 1]);
                let (count, [found]) = union.percentiles([percent as u64]).unwrap();
                prop_assert_eq!(count, (values.len() * times) as u64);
                let found = i128::from(found);
                prop_assert!((found - exact).abs() * 128 <= exact, "p{}: {} for {}", percent, found, exact);
            }
        }

        #[test]
        fn a_damaged_blob_is_read_without_panic(blob in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut union = Union::default();
            union.add(&entries(&blob).collect::<Vec<_>>());
            union.percentiles([50]);
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut before = 0;
        for value in 0..100_000 {
            let next = bucket(value);
            assert!(next == before || next == before + 1, "{value}");
            assert_eq!(bucket(middle(next)), next);
            before = next;
        }
        assert_eq!(bucket(middle(BUCKET_MAX)), bucket(u64::MAX));
        assert_eq!(Union::default().percentiles([50]), None);
    }
}
