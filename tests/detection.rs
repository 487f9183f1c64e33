//! Whole rules over recorded events, run by run: cases as data, each with its reason, decided by the engine and by a plain reference.
#![cfg(feature = "rules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by panicking"
)]

#[path = "support/recording.rs"]
mod recording;
#[path = "reference/detection.rs"]
mod reference;

use serde_json::{Value as Json, json};

use recording::{Case, Cases, counters, engine_alerts, missed};

const FILES: &[&str] = &["threshold", "new_terms", "threat_match", "suppression", "schedule", "eql"];

fn cases(file: &str) -> Vec<Case> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detection").join(file).with_extension("toml");
    let text = std::fs::read_to_string(&path).unwrap();
    toml::from_str::<Cases>(&text).unwrap_or_else(|error| panic!("{file}: {error}")).case
}

/// The mistakes of one case.
fn judge(case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let rules = case.load();
    if let Some(problem) = &case.problem {
        let said: Vec<String> = rules.problems.iter().map(ToString::to_string).collect();
        if !said.iter().any(|text| text.contains(problem.as_str())) {
            wrong.push(format!("expected the problem {problem:?}, got {said:?}"));
        }
        return wrong;
    }
    if let Some(problem) = rules.problems.first() {
        return vec![format!("not loaded: {problem}")];
    }
    let replay = case.replay(&rules.rules);
    let mut compare = |what: &str, got: Vec<String>, expected: &[String]| {
        if got != expected {
            wrong.push(format!("{what}\n      got      {got:?}\n      expected {expected:?}"));
        }
    };
    compare("alerts of the engine", engine_alerts(&replay), &case.alerts);
    if !case.bounded && !case.enforce_index {
        compare("alerts of the reference", reference::alerts(case), &case.alerts);
    }
    if let Some(expected) = &case.missed {
        compare("missed", missed(&replay), expected);
    }
    for (name, expected) in &case.counts {
        let got = counters(&replay).get(name.as_str()).copied();
        if got != Some(*expected) {
            wrong.push(format!("{name}: got {got:?}, expected {expected}"));
        }
    }
    if let Some(expected) = &case.windows {
        compare_windows(&replay, expected, &mut wrong);
    }
    wrong
}

fn compare_windows(replay: &elkhound::engine::Replay, expected: &[String], wrong: &mut Vec<String>) {
    let got = recording::windows(replay);
    if got != expected {
        wrong.push(format!("windows\n      got      {got:?}\n      expected {expected:?}"));
    }
}

#[test]
fn every_case_holds() {
    let (mut total, mut wrong) = (0, Vec::new());
    for file in FILES {
        for case in cases(file) {
            assert!(!case.why.is_empty(), "{}: a case has a reason", case.name);
            total += 1;
            let mistakes = judge(&case);
            if !mistakes.is_empty() {
                wrong.push(format!("{file}: {}\n    {}", case.name, mistakes.join("\n    ")));
            }
        }
    }
    eprintln!("{total} cases");
    assert!(wrong.is_empty(), "{} of {total} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    assert!(total >= 150, "{total} cases");
}

/// Rules and recordings of a small world, in which everything collides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn names(&mut self, most: usize) -> Vec<&'static str> {
        let all = ["u", "h", "p"];
        let (start, count) = (self.roll(3), 1 + self.roll(most));
        (0..count).map(|at| all[(start + at) % 3]).collect()
    }

    fn clock(&mut self, minutes: usize) -> String {
        format!("10:{:02}:{:02}", self.roll(minutes), [0, 0, 30][self.roll(3)])
    }

    fn value(&mut self, of: &[&str]) -> String {
        match self.roll(6) {
            0 => format!(r#"["{}","{}"]"#, self.pick(of), self.pick(of)),
            _ => self.pick(of).to_owned(),
        }
    }

    fn event(&mut self) -> String {
        let mut line = self.clock(20);
        for (field, of) in [("u", ["a", "b", "c"]), ("h", ["x", "y", "z"])] {
            if self.roll(5) > 0 {
                line += &format!(" {field}={}", self.value(&of));
            }
        }
        if self.roll(3) > 0 {
            line += &format!(" p={}", [9, 10, 22][self.roll(3)]);
        }
        if self.roll(4) == 0 {
            line += &format!(" in={}", self.clock(25));
        }
        line
    }

    fn rule(&mut self) -> Json {
        let mut rule = match self.roll(6) {
            0 => json!({"query": "u: *"}),
            1 => json!({"type": "eql", "query": "any where h != \"z\""}),
            2 => {
                json!({"type": "eql", "query": "sequence by h with maxspan=6m [any where u == \"a\"] [any where u == \"b\"]"})
            }
            3 => {
                let (field, value) = (self.names(3), 1 + self.roll(3));
                let mut threshold = json!({"field": if self.roll(6) == 0 { vec![] } else { field }, "value": value});
                if self.roll(3) == 0 {
                    threshold["cardinality"] = json!([{"field": self.pick(&["u", "h", "p"]), "value": 2}]);
                }
                json!({"type": "threshold", "threshold": threshold})
            }
            4 => json!({"type": "new_terms", "new_terms_fields": self.names(3), "history_window_start": "now-15m"}),
            _ => {
                let entries = (0..1 + self.roll(2)).map(|at| {
                    let field = self.pick(&["u", "h", "p"]);
                    json!({"field": field, "value": format!("ti.{field}"), "negate": at > 0 && self.roll(3) == 0})
                });
                let mut entries: Vec<Json> = entries.collect();
                entries.dedup_by_key(|entry| entry["field"].clone());
                json!({"type": "threat_match", "threat_mapping": [{"entries": entries}, {"entries": [{"field": "u", "value": "ti.other"}]}]})
            }
        };
        rule["interval"] = json!(self.pick(&["3m", "5m"]));
        rule["from"] = json!(self.pick(&["now-3m", "now-6m", "now-9m"]));
        rule["max_signals"] = json!([1, 2, 3, 100][self.roll(4)]);
        if self.roll(3) == 0 {
            rule["timestamp_override"] = json!("event.ingested");
            rule["timestamp_override_fallback_disabled"] = json!(self.roll(3) == 0);
        }
        if self.roll(2) == 0 {
            let mut own = json!({"group_by": self.names(2)});
            if self.roll(2) == 0 {
                let value = [1, 4, 10][self.roll(3)];
                own["duration"] = json!({"value": value, "unit": "m"});
            }
            if self.roll(2) == 0 {
                own["missing_fields_strategy"] = json!("doNotSuppress");
            }
            rule["alert_suppression"] = own;
        }
        rule
    }

    fn case(&mut self, number: usize) -> Case {
        let indicator = |dice: &mut Self| {
            let (u, h) = (dice.value(&["a", "b"]), dice.value(&["x", "y"]));
            format!("- ti.u={u} ti.h={h} ti.p={} ti.other={}", [9, 10][dice.roll(2)], dice.pick(&["a", "q"]))
        };
        let outage = self.roll(3) == 0;
        // A stretch of time in which nothing happens.
        let far = (self.roll(40) == 0).then(|| format!("{}{}", ["", "2/"][self.roll(2)], self.event()));
        Case {
            name: format!("random {number}"),
            rule: self.rule(),
            runs: if outage { ["10:02", "10:05", "10:19", "10:22"].map(str::to_owned).to_vec() } else { Vec::new() },
            events: (0..1 + self.roll(14)).map(|_| self.event()).chain(far).collect(),
            indicators: (0..self.roll(4)).map(|_| indicator(self)).collect(),
            types: Some(json!({"u": "keyword", "h": "keyword", "p": "long"})),
            delay: (self.roll(6) == 0).then(|| "2m".to_owned()),
            ..Case::default()
        }
    }
}

/// Nothing that matches gets lost: it is an alert, or missed, or outside all windows, or without a time.
fn balance(case: &Case, replay: &elkhound::engine::Replay) {
    if case.rule["query"] != "u: *" || case.rule.get("alert_suppression").is_some() {
        return;
    }
    let matching = case.events.iter().filter(|event| event.contains(" u=")).count();
    let report = &replay.rules[0];
    let told = replay.alerts.len() + report.missed.len() + (report.outside + report.untimed) as usize;
    assert_eq!(told, matching, "{}: {:?} {:#?}", case.name, case.rule, report);
}

#[test]
fn random_rules_agree_with_the_reference() {
    let (mut dice, mut alerts) = (Dice(0x9E37_79B9_7F4A_7C15), 0);
    for number in 0..2000 {
        let case = dice.case(number);
        let loaded = case.load();
        assert!(loaded.problems.is_empty(), "{:?}: {:?}", case.rule, loaded.problems);
        let replay = case.replay(&loaded.rules);
        let (got, expected) = (engine_alerts(&replay), reference::alerts(&case));
        balance(&case, &replay);
        alerts += got.len();
        assert_eq!(
            got, expected,
            "{}\n{}\n{:#?}\n{:?}\n{:?}",
            case.name, case.rule, case.events, case.indicators, case.runs
        );
    }
    eprintln!("{alerts} alerts");
    assert!(alerts > 3000, "{alerts} alerts");
}

#[test]
fn hostile_rules_and_events_end() {
    let far = i64::MAX.to_string();
    let long = "x".repeat(10_000);
    let lines = |extra: &str| {
        ["10:01", "10:02 _id=same", "10:03 _id=same", "-"].map(|line| format!("{line} u={long} {extra}")).to_vec()
    };
    let many = format!("h=[{}]", (0..300).map(|at| at.to_string()).collect::<Vec<_>>().join(","));
    let rules = [
        json!({"max_signals": u64::MAX, "alert_suppression": {"group_by": ["h", "h", "h"], "duration": {"value": u64::MAX >> 1, "unit": "h"}}}),
        json!({"type": "threshold", "threshold": {"field": ["h", "h"], "value": u64::MAX}}),
        json!({"type": "threshold", "threshold": {"field": ["h", "h", "h"], "value": 1}, "max_signals": u64::MAX}),
        json!({"type": "new_terms", "new_terms_fields": ["h", "h", "h"], "history_window_start": "now-9999999999999999999999d"}),
        json!({"type": "new_terms", "new_terms_fields": ["h", "h", "h"], "history_window_start": "now-9999999999999999d-9999999999999999d"}),
        json!({"type": "eql", "query": "any where true", "alert_suppression": {"group_by": ["h"]}, "max_signals": u64::MAX}),
        json!({"from": "2024-01-01||/d", "to": "now+1000y"}),
        json!({"timestamp_override": "h"}),
    ];
    for (number, rule) in rules.into_iter().enumerate() {
        for extra in [many.clone(), format!("seen={far}")] {
            let case = Case {
                name: format!("hostile {number}"),
                rule: rule.clone(),
                events: lines(&format!("{extra} in=10:02")),
                alert_limit: Some(usize::MAX),
                ..Case::default()
            };
            let replay = case.replay(&case.load().rules);
            let dropped = counters_of(&replay);
            assert!(
                number != 2 || !extra.starts_with('h') || dropped > 0,
                "27 million groups are not dropped in silence"
            );
        }
    }
    // Runs that no event can reach are passed over.
    let events = vec!["10:00 a=1".to_owned(), format!("- @timestamp={far}"), format!("- @timestamp=-{far}")];
    let case = Case { name: "all of time".into(), rule: json!({}), events, ..Case::default() };
    let replay = case.replay(&case.load().rules);
    assert_eq!((counters(&replay)["notes"], replay.alerts.len()), (0, 3));
    assert!(counters(&replay)["runs"] > 1 << 40, "{:?}", replay.rules[0]);
}

fn counters_of(replay: &elkhound::engine::Replay) -> u64 {
    replay.rules.iter().map(|rule| rule.dropped).sum()
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = FILES.iter().flat_map(|file| cases(file)).map(|case| case.name).collect();
    let total = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), total);
}
