//! A run takes any stream of events.
#![no_main]

use elkhound::event::Event;
use elkhound::query::Query;
use libfuzzer_sys::fuzz_target;

const QUERY: &str = "sequence by a with maxspan=2s [any where b == 1] ![any where b == 2] [any where b == 3] with runs=2 until [any where c : \"x*\"]";

fuzz_target!(|bytes: &[u8]| {
    let Ok(query) = Query::eql(QUERY) else { return };
    let mut run = query.start();
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Ok(event) = Event::from_json(line) {
            run.push(event);
        }
    }
    run.finish();
});
