//! Which events queries have to see: neither the number of threads nor how the input is cut changes an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/random.rs"]
mod random;
#[path = "support/random_eql.rs"]
mod random_eql;

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use elkhound::event::Event;
use elkhound::query::{Batch, Hit, Query, Settings};
use elkhound::schema::Schema;
use elkhound::syntax::eql::Dialect;
use random::Random;
use serde_json::{Value as Json, json};

/// An input that gives a few bytes at a time.
struct Drops<'t>(&'t [u8], Random);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = (1 + self.1.below(100)).min(self.0.len()).min(buffer.len());
        let (now, rest) = self.0.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.0 = rest;
        Ok(size)
    }
}

fn numbers(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.id().unwrap().parse().unwrap()).collect()
}

fn shown(hits: &[Hit]) -> Vec<String> {
    let number = |event: &Option<Arc<Event>>| event.as_ref().map(|event| event.id().unwrap().to_owned());
    hits.iter()
        .map(|hit| format!("{:?} {:?}", hit.events().iter().map(number).collect::<Vec<_>>(), hit.join_keys()))
        .collect()
}

fn placed(event: Event, line: u64) -> Event {
    event.with_origin(&"here".into(), line)
}

fn lines(documents: &[Json], random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    for document in documents {
        text.push_str(&document.to_string());
        text.push_str(random.pick(&["\n", "\r\n", "\n\n", "  \n", "\n"]));
    }
    if random.once_in(2) {
        text.pop();
    }
    text.into_bytes()
}

#[test]
fn what_is_left_out_changes_no_result() {
    let schema = Arc::new(Schema::from_json(&random_eql::mapping("date").to_string()).unwrap());
    let (mut runs, mut hits, mut kept, mut all) = (0, 0, 0, 0);
    for seed in 0..oracle::count(600) as u64 {
        let mut random = Random::new(seed + 0xBA7C);
        let makes = [random_eql::sequence, random_eql::event_query, random_eql::sample];
        let settings = Settings {
            schema: Arc::clone(&schema),
            tiebreaker_field: random.once_in(3).then(|| "tb".to_owned()),
            ..Settings::default()
        };
        let texts: Vec<String> = (0..1 + random.below(3)).map(|_| makes[random.below(3)](&mut random)).collect();
        let compile = |text: &String| Query::builder().settings(settings.clone()).eql(text).ok();
        let queries: Vec<Query> = texts.iter().filter_map(compile).collect();
        let mut documents = random_eql::stream(&mut random, false);
        if random.once_in(3) {
            documents.sort_by_cached_key(|_| random.below(1000));
        }
        let text = lines(&documents, &mut random);
        let whole = Batch::of_all().read(&mut text.as_slice(), 1, &placed).unwrap();
        assert_eq!(whole.len(), documents.len());
        let batch = Batch::new(&queries).unwrap();
        let some = batch.read(&mut text.as_slice(), 1, &placed).unwrap();
        let cut = batch.read(&mut Drops(&text, Random::new(seed)), 1 + random.below(4), &placed).unwrap();
        assert_eq!(numbers(&some), numbers(&cut), "{texts:?}");
        for query in &queries {
            let expected = query.search(whole.clone());
            assert_eq!(shown(&query.search(some.clone())), shown(&expected), "{}", query.warnings().source().text());
            hits += expected.len();
        }
        (runs, kept, all) = (runs + 1, kept + some.len(), all + whole.len());
    }
    println!("batches: {runs}, {kept} of {all} events kept, {hits} hits");
    assert!(kept < all && hits > runs / 2, "the generator has become trivial");
}

#[test]
fn threads_and_blocks_change_nothing() {
    let query = Query::eql("any where n % 7 == 0").unwrap();
    let filler = "x".repeat(300);
    // More than one block.
    let text: String = (0..15_000).map(|n| format!("{{\"n\": {n}, \"f\": \"{filler}\"}}\n")).collect();
    let batch = Batch::new(std::slice::from_ref(&query)).unwrap();
    let expected: Vec<u64> = (1..=15_000).step_by(7).collect();
    for jobs in [1, 2, 3, 8] {
        let found = batch.read(&mut text.as_bytes(), jobs, &placed).unwrap();
        assert_eq!(numbers(&found), expected, "{jobs} jobs");
    }
}

#[test]
fn the_first_broken_line_is_the_error() {
    let batch = Batch::new(&[Query::kql("a: 1").unwrap()]).unwrap();
    let good = "{\"a\": 1, \"f\": \"0123456789\"}\n".repeat(60_000);
    for (broken, message) in
        [("{\"a\": 1", "EOF while parsing an object at byte 6"), ("[]", "an event is a JSON object at byte 0")]
    {
        let text = format!("{good}{broken}\n\n{good}{{\n");
        for jobs in [1, 2, 5] {
            let error = batch.read(&mut text.as_bytes(), jobs, &placed).unwrap_err();
            assert_eq!(error.to_string(), format!("line 60001: {message}"));
        }
    }
}

#[test]
fn a_line_without_end_is_refused_before_its_end() {
    let batch = Batch::new(&[Query::kql("a: 1").unwrap()]).unwrap();
    let error = batch.read(&mut std::io::repeat(b'x').take(1 << 40), 1, &placed).unwrap_err();
    assert_eq!(error.to_string(), "line 1: the event is longer than 10485760 bytes at byte 10485760");
}

#[test]
fn where_an_event_was_read_counts() {
    let text = b"{\"a\": 1}\n{\"_index\": \"logs-x-y\", \"_source\": {\"a\": 2}}\n";
    let kept = |query: &Query, jobs| {
        let batch = Batch::new(std::slice::from_ref(query)).unwrap();
        numbers(&batch.read(&mut text.as_slice(), jobs, &placed).unwrap())
    };
    let index = Query::kql("_index: here").unwrap();
    assert_eq!(index.search(Batch::of_all().read(&mut text.as_slice(), 1, &placed).unwrap()).len(), 1);
    assert_eq!(kept(&index, 1), [1, 2], "names of places are not in the text");
    assert_eq!(kept(&Query::kql("data_stream.dataset: x").unwrap(), 2), [2]);
    let batch = Batch::new(&[Query::kql("not data_stream.dataset: x").unwrap()]).unwrap();
    assert_eq!(numbers(&batch.read(&mut text.as_slice(), 1, &placed).unwrap()), [1]);
    let batch = batch.without_fill();
    let bare = |event: Event, line| placed(event, line).without_fill();
    assert_eq!(numbers(&batch.read(&mut text.as_slice(), 1, &bare).unwrap()), [1, 2]);
    let endgame = Settings { dialect: Dialect::Endgame, ..Settings::default() };
    let endgame = Query::builder().settings(endgame).eql("process where child of [process where true]").unwrap();
    assert_eq!(kept(&endgame, 1), [1, 2], "relations see every event");
    assert_eq!(json!(kept(&Query::kql("a > 1").unwrap(), 1)), json!([2]));
}

#[test]
fn no_more_is_read_than_is_wanted() {
    let text: String = (1..=20_000).map(|at| format!("{{\"a\": \"{at:0100}\"}}\n")).collect();
    for jobs in [1, 3] {
        for wanted in [1, 2, 3] {
            let (mut input, mut taken, mut next) = (text.as_bytes(), 0, 1);
            let read = Batch::of_all().read_each(&mut input, jobs, &placed, &mut |events| {
                taken += 1;
                for number in numbers(events) {
                    assert_eq!(number, next);
                    next += 1;
                }
                if taken < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            read.unwrap();
            assert_eq!(taken, wanted, "nothing is handed on after that");
            assert!(next < 20_000);
            assert!(jobs > 1 || !input.is_empty(), "other threads may have been faster");
        }
    }
}

/// Text of so many events, each of so many bytes and more.
fn large(events: usize, bytes: usize) -> String {
    let text = "x".repeat(bytes);
    (0..events).map(|_| format!("{{\"a\": \"{text}\"}}\n")).collect()
}

#[test]
fn those_who_read_wait_for_the_one_who_takes() {
    let text = large(1_000, 50_000);
    let (made, mut taken, mut most) = (AtomicUsize::new(0), 0, 0);
    let count = |event, _| {
        made.fetch_add(1, Ordering::Relaxed);
        event
    };
    let read = Batch::of_all().read_each(&mut text.as_bytes(), 3, &count, &mut |events| {
        std::thread::sleep(Duration::from_millis(5));
        taken += events.len();
        most = most.max(made.load(Ordering::Relaxed) - taken);
        ControlFlow::Continue(())
    });
    read.unwrap();
    assert_eq!(taken, 1_000);
    // Eight blocks of half a megabyte for each thread, and those at hand.
    assert!(most < 400, "{most} events waited");
}

#[test]
fn a_panic_of_the_one_who_takes_stops_those_who_read() {
    let text = large(1_000, 50_000);
    let read = || {
        Batch::of_all().read_each(&mut text.as_bytes(), 3, &placed, &mut |_| {
            std::thread::sleep(Duration::from_millis(50));
            panic!("on purpose")
        })
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).is_err());
}
