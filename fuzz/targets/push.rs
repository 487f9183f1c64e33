//! A run of any kind takes any stream of events, within small limits and out of order, and never holds more than it may.
#![no_main]

use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use libfuzzer_sys::fuzz_target;

const QUERIES: [&str; 5] = [
    "sequence by a with maxspan=2s [any where b == 1] ![any where b == 2] [any where b == 3] with runs=2 until [any where c : \"x*\"]",
    "sequence with maxspan=1s ![any where b == 1] [any where a == null] [any where b > 2 and c != \"y\"] ![any where b == 1] | tail 2",
    "sequence by ?a, c [any where true] [any where length(c) > 1]",
    "sample by a [any where b == 1] [any where b == 2] [any where true]",
    "any where stringContains(c, string(3)) or cidrMatch(a, \"10.0.0.0/8\") or c regex~ \"x+y?\" | head 5 | tail 3",
];
const PARTIALS: usize = 8;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let settings = Settings {
        lateness: i128::from(choice / 64) * 1_000_000_000,
        tiebreaker_field: (choice % 2 == 1).then(|| "b".to_owned()),
        partials: PARTIALS,
        ..Settings::default()
    };
    let query = Query::builder().settings(settings).eql(QUERIES[usize::from(choice) % QUERIES.len()]);
    let mut run = query.expect("the queries are sound").start();
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Ok(event) = Event::from_json(line) {
            run.push(event);
            assert!(run.stats().live <= 2 * PARTIALS);
        }
    }
    run.finish();
});
