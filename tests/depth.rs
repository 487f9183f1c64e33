//! Texts nested 100,000 deep are errors, and long flat ones are none: in the parsers, the analysis, the printers, and when they are dropped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use elkhound::event::{Event, FieldKey, Layout, Record, Scratch};
use elkhound::query::{Query, Settings};
use elkhound::source::Source;
use elkhound::syntax::eql::{self, Dialect};
use elkhound::syntax::kql;

const DEEP: usize = 100_000;

/// `body` between `open` and `close`, each `DEEP` times, after `head`.
fn nested(head: &str, open: &str, body: &str, close: &str) -> String {
    format!("{head}{}{body}{}", open.repeat(DEEP), close.repeat(DEEP))
}

/// What a thread has unless it asks for more; a debug build takes several times the stack of a release.
fn on_a_small_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, work).unwrap().join().unwrap();
    });
}

#[test]
fn deep_kql() {
    on_a_small_stack(|| {
        for text in [
            nested("", "(", "a: b", ")"),
            nested("", "(", "", ""),
            nested("", "not (", "a", ")"),
            nested("", "a:{", "b: c", "}"),
            nested("a: ", "(", "b", ")"),
            nested("", "(a or ", "b", ")"),
            nested("", "a:{(", "b: c", ")}"),
        ] {
            let found = Query::kql(&text).unwrap_err();
            assert_eq!(found.items()[0].code.id(), "E0501", "{}", &text[..40]);
            assert!(!found.to_string().is_empty());
            drop(kql::complete(&text, text.len()));
        }
    });
}

#[test]
fn deep_eql() {
    on_a_small_stack(|| {
        for text in [
            nested("any where ", "(", "true", ")"),
            nested("any where ", "(", "", ""),
            nested("any where ", "not (", "true", ")"),
            nested("any where ", "not ", "true", ""),
            nested("any where ", "length(", "a", ")"),
            nested("any where a == ", "-", "1", ""),
            nested("any where a == ", "1 + (", "1", ")"),
            nested("process where ", "descendant of [process where ", "true", "]"),
        ] {
            for dialect in [Dialect::Newest, Dialect::Elastic(7, 9), Dialect::Endgame] {
                let settings = Settings { dialect, ..Settings::default() };
                let found = Query::builder().settings(settings).eql(&text).unwrap_err();
                assert!(!found.to_string().is_empty(), "{}", &text[..40]);
            }
        }
        let text = nested("any where ", "(", "true", ")");
        assert_eq!(Query::eql(&text).unwrap_err().items()[0].code.id(), "E0501");
    });
}

/// Long chains are flat: they parse, mean something, print, and go away.
#[test]
fn long_chains() {
    on_a_small_stack(|| {
        for (word, count) in [("and", 40_000), ("or", 40_000)] {
            let text = vec!["a: b"; count].join(&format!(" {word} "));
            let tree = kql::parse(&Source::new("<query>", text.as_str()), &kql::Options::default()).unwrap();
            assert!(kql::print(&tree).len() > text.len() / 2);
            drop(tree);
            let query = Query::kql(&text).unwrap();
            assert!(query.concerns(&Event::from_json(r#"{"a": "b"}"#).unwrap()));

            let text = format!("any where {}", vec!["a == 1"; count].join(&format!(" {word} ")));
            let tree = eql::parse(&Source::new("<query>", text.as_str()), &eql::Options::default()).unwrap();
            assert!(eql::print(&tree).len() > text.len() / 2);
            drop(tree);
            let query = Query::eql(&text).unwrap();
            assert!(query.concerns(&Event::from_json(r#"{"a": 1}"#).unwrap()));
        }
        // Sums nest to the left, one level an operator.
        let text = format!("any where a == {}", vec!["1"; 40_000].join(" + "));
        assert_eq!(Query::eql(&text).unwrap_err().items()[0].code.id(), "E0501");
    });
}

/// Chains nest to the left, and a chain in parentheses at the beginning of another adds its levels to those of the other.
#[test]
fn chains_in_chains() {
    on_a_small_stack(|| {
        let around =
            |part: &str| format!("any where {}a{} == 1", "(".repeat(200), format!("{})", part.repeat(200)).repeat(200));
        for dialect in [Dialect::Newest, Dialect::Endgame] {
            let settings = Settings { dialect, ..Settings::default() };
            for part in ["+1", "*1", " - 1 * 1", ":length()"] {
                let found = Query::builder().settings(settings.clone()).eql(&around(part)).unwrap_err();
                let wanted = if part == ":length()" && dialect == Dialect::Newest { "E0130" } else { "E0501" };
                assert_eq!(found.items()[0].code.id(), wanted, "{part}");
            }
            let beside = format!("any where a + {} == 1", vec!["(1+1+1+1+1+1+1+1+1)"; 200].join(" + "));
            assert!(Query::builder().settings(settings).eql(&beside).is_ok(), "chains beside each other do not add up");
        }
    });
}

/// Texts that a parser with a way back could read again from each place: comments without an end, keywords without values.
#[test]
fn read_once() {
    let many = 100_000;
    let head = "any where true ";
    for text in [
        format!("{head}{}", "/*".repeat(many)),
        format!("{head}{}{}", "/*".repeat(many), " */".repeat(many - 1)),
        format!("{head}{}", "/* a /* b */ ".repeat(many / 2)),
    ] {
        for dialect in [Dialect::Newest, Dialect::Endgame] {
            let options = eql::Options { dialect, ..eql::Options::default() };
            drop(eql::parse(&Source::new("<query>", text.as_str()), &options));
        }
    }
    let comments = format!("{head}{} and false", "/* a /* b */ c */ /* */".repeat(many / 4));
    assert!(Query::eql(&comments).is_ok());
    let found = Query::kql(&" and and or not ".repeat(many / 2)).unwrap_err();
    assert!(found.to_string().len() < 100_000);
}

/// As deep as the limit allows: the text is read, means something, is printed, answers for an event, and goes away.
#[test]
fn deepest_allowed() {
    on_a_small_stack(|| {
        let nested = |open: &str, body: &str, close: &str, levels: usize| {
            format!("{}{body}{}", open.repeat(levels), close.repeat(levels))
        };
        let event = Event::from_json(r#"{"a": "b"}"#).unwrap();
        for (open, close) in [("(", ")"), ("not (", ")"), ("(a: c or ", ")"), ("(a: * and ", ")"), ("a:{", "}")] {
            let text = nested(open, "a: b", close, 250);
            let tree = kql::parse(&Source::new("<query>", text.as_str()), &kql::Options::default()).unwrap();
            assert!(!kql::print(&tree).is_empty());
            let query = Query::kql(&text).unwrap();
            let found = query.concerns(&event);
            assert_eq!(found, open != "a:{", "{open}");
        }
        // In EQL a `not` is a level of its own.
        for (open, close, levels) in
            [("(", ")", 250), ("not (", ")", 126), ("(a == \"c\" or ", ")", 250), ("(a != null and ", ")", 250)]
        {
            let text = format!("any where {}", nested(open, "a == \"b\"", close, levels));
            let tree = eql::parse(&Source::new("<query>", text.as_str()), &eql::Options::default()).unwrap();
            assert!(!eql::print(&tree).is_empty());
            assert!(Query::eql(&text).unwrap().concerns(&event), "{open}");
        }
        let text = format!("any where length({}) == 1", nested("concat(", "a", ")", 250));
        assert!(Query::eql(&text).unwrap().concerns(&event));
    });
}

#[test]
fn deep_json() {
    on_a_small_stack(|| {
        let fields = [FieldKey::new(0, "a"), FieldKey::new(1, "a.a")];
        let (layout, mut scratch) = (Layout::new(&fields), Scratch::default());
        for text in [
            nested("", "{\"a\":", "1", "}"),
            nested("{\"a\":", "[", "1", "]") + "}",
            nested("{\"b\":", "[", "", ""),
            nested("", "[{\"a\":", "1", "}]"),
        ] {
            let refusal = Event::from_json(&text).unwrap_err();
            assert!(!refusal.to_string().is_empty());
            assert!(Record::read(text.as_bytes(), &layout, &mut scratch).is_err());
        }
    });
}
