//! `run --simulate`: the schedule of each rule over recorded events; what was missed, and by which run, on stderr.

use std::sync::Arc;

use comfy_table::Table;
use elkhound::engine::{AlertForm, Missed, Recording, Replay, ReplaySettings, RuleReplay, RuleSet, replay};
use elkhound::event::time::to_iso;
use elkhound::rule::Rule;

use crate::args::SimulateArgs;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Data};
use crate::settings;

/// Most misses of one rule that are told one by one; the report file has them all.
const TOLD: usize = 10;

/// Replays, prints, and gives the number of alerts.
pub fn run(args: &SimulateArgs, form: AlertForm, rules: &Arc<RuleSet>, recording: Recording<'_>) -> Outcome<u64> {
    let replay = replay(rules, recording, &replay_settings(args)?);
    let mut data = Data::stdout();
    for alert in &replay.alerts {
        data.text(&alert.to_lines(form))?;
    }
    data.finish()?;
    if let Some(path) = &args.report {
        std::fs::write(path, format!("{:#}\n", replay.report(rules))).map_err(|error| Failure::file(path, error))?;
    }
    tell(rules, &replay);
    Ok(replay.alerts.len() as u64)
}

fn replay_settings(args: &SimulateArgs) -> Outcome<ReplaySettings> {
    let time = |option, text: &Option<String>| text.as_deref().map(|text| settings::time(option, text)).transpose();
    let delay = args.delay.as_deref().map(|text| settings::duration("--delay", text));
    let (start, end) = (time("--start", &args.start)?, time("--end", &args.end)?);
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        return Err(Failure::Usage("`--end` is before `--start`, so that there is no run".into()));
    }
    Ok(ReplaySettings { start, end, delay: delay.transpose()?, ..ReplaySettings::default() })
}

fn tell(rules: &RuleSet, replay: &Replay) {
    let mut table = Table::new();
    table.set_header(["rule", "runs", "found", "alerts", "found again", "suppressed", "capped", "missed"]);
    let told = |report: &&RuleReplay| {
        let counted = report.outside + report.untimed + report.dropped;
        !report.runs.is_empty() || !report.missed.is_empty() || !report.notes.is_empty() || counted > 0
    };
    let pairs: Vec<(&RuleReplay, &Rule)> =
        replay.rules.iter().zip(rules.rules()).filter(|(report, _)| told(report)).collect();
    for (report, rule) in &pairs {
        let sums = [
            report.run_count,
            report.sum(|run| run.found),
            report.sum(|run| run.alerts),
            report.sum(|run| run.found_again),
            report.sum(|run| run.suppressed),
            report.sum(|run| run.capped),
            report.missed.len() as u64,
        ];
        table.add_row(std::iter::once(rule.name().to_owned()).chain(sums.map(|sum| sum.to_string())));
    }
    output::note(&table.to_string());
    for (report, rule) in &pairs {
        details(report, rule.name());
    }
    let alerts = replay.alerts.len();
    let silent = rules.len() - pairs.len();
    output::note(&format!("{} rules: {alerts} alerts; {silent} rules had nothing to say", rules.len()));
}

fn details(report: &RuleReplay, name: &str) {
    for note in &report.notes {
        output::note(&format!("{name}: {note}"));
    }
    for run in report.runs.iter().filter(|run| run.remaining_gap > 0) {
        output::note(&format!("{name}: the run of {} leaves a gap behind it", to_iso(run.start)));
    }
    for run in report.runs.iter().filter(|run| run.capped > 0) {
        output::note(&format!("{name}: the run of {} reached the maximum alert limit", to_iso(run.start)));
    }
    let undecided = report.sum(|run| run.undecided);
    if undecided > 0 {
        output::note(&format!("{name}: {undecided} sequences were not yet decided: `maxspan` ends after the window"));
    }
    report.missed.iter().take(TOLD).for_each(|missed| output::note(&format!("{name}: {}", missed_line(missed))));
    if report.missed.len() > TOLD {
        output::note(&format!("{name}: {} more missed", report.missed.len() - TOLD));
    }
    for (count, what) in [
        (report.outside, "matching events outside all windows"),
        (report.untimed, "events without a timestamp, which no run sees"),
        (report.dropped, "remembered things dropped because there were too many"),
    ] {
        if count > 0 {
            output::note(&format!("{name}: {count} {what}"));
        }
    }
}

fn missed_line(missed: &Missed) -> String {
    let id =
        |event: &elkhound::Event| format!("{}:{}", event.index().unwrap_or_default(), event.id().unwrap_or_default());
    let events: Vec<String> = missed.events.iter().flatten().map(|event| id(event)).collect();
    let (reason, run) = (missed.reason.name(), to_iso(missed.run));
    format!("missed ({reason}) by the run of {run}: {} at {}", events.join(", "), to_iso(missed.time))
}
