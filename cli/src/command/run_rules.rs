//! `run`: many rules over events; alerts as JSON lines, a summary on stderr.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use comfy_table::Table;
use elkhound::diagnostic::{Code, Diagnostics};
use elkhound::engine::{
    Alert, AlertForm, Compat, Engine, EngineSettings, LoadedRules, Recording, RuleSet, RuleSettings, Timing,
};
use elkhound::event::Event;
use elkhound::query::{Batch, in_time_order};
use elkhound::rule::Problem;

use super::simulate;
use crate::args::{Alerts, Product, RunArgs};
use crate::events::Reading;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{events, rules, settings};

pub fn run(args: &RunArgs) -> Outcome {
    let fill = !args.eval.no_fill;
    let all = settings::need_events(&args.eval).then(|| events::read(&args.events, fill)).transpose()?;
    let query = settings::of(&args.eval, &args.dialect, all.as_deref().unwrap_or_default())?;
    let indicators = if args.indicators.is_empty() { Vec::new() } else { events::read(&args.indicators, fill)? };
    let loaded = rules::load(&args.rules)?;
    let loaded = if args.history { rules::with_histories(loaded) } else { loaded };
    let given = loaded.rules.len() + loaded.problems.len();
    let rule_settings = RuleSettings {
        enforce_index: args.enforce_index,
        compat: args.compat.map_or(Compat::Sensible, |Product::Kibana| Compat::Kibana),
        ..rules::settings(query.clone(), &args.beside)?
    };
    let form = match args.alerts {
        Alerts::Minimal => AlertForm::Minimal,
        Alerts::Kibana => AlertForm::Kibana,
        Alerts::Ecs => AlertForm::Ecs,
    };
    let LoadedRules { rules, problems } = RuleSet::compile(loaded, &rule_settings);
    problems.iter().for_each(|problem| output::note(&problem.to_string()));
    let ignored = |found: &&Diagnostics| found.items().iter().any(|item| item.code == Code::RuleIgnored);
    rules.warnings().filter(ignored).for_each(|found| output::note(&output::diagnostics(found)));
    let events = seen(args, &rules, all)?;
    if args.simulate.simulate {
        let recording = Recording { events: &events, indicators: &indicators };
        let alerts = simulate::run(&args.simulate, form, &rules, recording)?;
        return Ok(exit(args, alerts, &problems, given));
    }
    let timing = args.metrics.is_some().then_some(Timing { clock: nanoseconds, every: 1 });
    let engine_settings = EngineSettings { indicators, timing, ..EngineSettings::default() };
    let mut engine = Engine::with_settings(Arc::clone(&rules), engine_settings);
    let mut data = Data::stdout();
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    let mut total = 0_u64;
    let mut write = |alerts: Vec<Alert>, data: &mut Data| -> Outcome<()> {
        for alert in alerts {
            *counts.entry(alert.rule_index()).or_default() += 1;
            total += 1;
            for document in alert.to_documents(form) {
                data.line(&document.to_string())?;
            }
        }
        Ok(())
    };
    for event in in_time_order(events, &query) {
        write(engine.push(event), &mut data)?;
    }
    write(engine.finish(), &mut data)?;
    data.finish()?;
    if let Some(path) = &args.metrics {
        std::fs::write(path, engine.stats().to_prometheus()).map_err(|error| Failure::file(path, error))?;
    }
    summary(&rules, &counts, problems.len());
    Ok(exit(args, total, &problems, given))
}

fn exit(args: &RunArgs, alerts: u64, problems: &[Problem], given: usize) -> Exit {
    if !problems.is_empty() && (args.eval.schema.strict || problems.len() == given) {
        return Exit::Broken;
    }
    if alerts == 0 && args.fail_if_none { Exit::Findings } else { Exit::Clean }
}

/// The events that the rules have to see; `all` where all have been read.
fn seen(args: &RunArgs, rules: &RuleSet, all: Option<Vec<Arc<Event>>>) -> Outcome<Vec<Arc<Event>>> {
    if let Some(all) = all {
        return Ok(all);
    }
    // Metrics count every event, and a schedule says what its runs saw.
    let whole = args.metrics.is_some() || args.simulate.simulate;
    let batch = if whole { Batch::of_all() } else { rules.batch() };
    let batch = if args.eval.no_fill { batch.without_fill() } else { batch };
    events::read_some(&args.events, &Reading { batch: &batch, fill: !args.eval.no_fill, jobs: args.eval.jobs })
}

/// Nanoseconds since the first call.
fn nanoseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

fn summary(rules: &RuleSet, counts: &BTreeMap<usize, u64>, problems: usize) {
    let mut table = Table::new();
    table.set_header(["rule", "version", "type", "severity", "alerts"]);
    for (at, rule) in rules.rules().enumerate() {
        if let Some(count) = counts.get(&at) {
            let version = rule.version().map(|version| version.to_string()).unwrap_or_default();
            let row = [rule.name(), &version, rule.kind().name(), rule.severity().name(), &count.to_string()];
            table.add_row(row);
        }
    }
    output::note(&table.to_string());
    let silent = rules.len() - counts.len();
    output::note(&format!(
        "{} rules: {} alerted, {silent} silent; {problems} not run",
        rules.len() + problems,
        counts.len()
    ));
}
