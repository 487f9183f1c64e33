//! `run`: many rules over events; alerts as JSON lines, a summary on stderr.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use comfy_table::Table;
use elkhound::diagnostic::{Code, Diagnostic, Diagnostics};
use elkhound::engine::{
    Alert, AlertForm, Compat, Engine, EngineSettings, LoadedRules, Readable, Recording, RuleSet, RuleSettings, Timing,
    judge_recording,
};
use elkhound::event::Event;
use elkhound::query::{Batch, Take};
use elkhound::rule::Problem;

use super::{simulate, stream};
use crate::args::{Alerts, Product, RunArgs};
use crate::events::Reading;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Data};
use crate::{events, rules, settings, threads};

pub fn run(args: &RunArgs) -> Outcome {
    if args.stream.stream && settings::need_events(&args.eval) {
        return Err(Failure::Usage(
            "`--schema none --strict` has to see all events first, which a stream cannot give".into(),
        ));
    }
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
    without_effect(&rules);
    let timing = args.metrics.is_some().then_some(Timing { clock: nanoseconds, every: 1 });
    let own = EngineSettings { indicators, timing, ..EngineSettings::default() };
    let mut writer = Writer { form, data: Data::stdout(), counts: BTreeMap::new() };
    let (engine, ended) = if args.stream.stream {
        let mut engine = Engine::with_settings(Arc::clone(&rules), stream::engine_settings(&args.stream, own)?);
        let ended = stream::run(args, &mut engine, &mut writer)?;
        (engine, ended)
    } else if args.simulate.simulate {
        let mut events = Vec::new();
        seen(args, &rules, all, &mut |some| {
            events.extend_from_slice(some);
            ControlFlow::Continue(())
        })?;
        let recording = Recording { events: &events, indicators: &own.indicators };
        let alerts = simulate::run(&args.simulate, form, &rules, recording)?;
        return Ok(exit(args, alerts, &problems, given));
    } else {
        let readable = if all.is_some() { Readable::Once } else { events::readable(&args.events) };
        let mut all = all;
        let read = |take: Take<'_>| seen(args, &rules, all.take(), take);
        // All are there to be sorted, however many: what is bounded is a stream.
        let own = EngineSettings { buffered: usize::MAX, ..own };
        (judge_recording(&rules, &own, readable, read, &mut |alerts| writer.write(alerts))?, Exit::Clean)
    };
    writer.data.finish()?;
    write_metrics(args, &engine)?;
    stream::tell(&engine.stats());
    summary(&rules, &writer.counts, problems.len());
    // The process ends: taking all that apart would only make it wait.
    std::mem::forget((engine, rules));
    Ok(exit(args, writer.counts.values().sum(), &problems, given).max(ended))
}

/// Names what of the rules has no effect. `run` judges without it, so it has to say so even where nobody asked `check`, which has
/// the other warnings. Fields that are not mapped are only counted: a mapping of a few indices leaves most rules without theirs.
fn without_effect(rules: &RuleSet) {
    let says = |item: &&Diagnostic| matches!(item.code, Code::RuleIgnored | Code::RefusedLenient);
    for found in rules.warnings() {
        let items: Vec<Diagnostic> = found.items().iter().filter(says).cloned().collect();
        if !items.is_empty() {
            output::note(&output::diagnostics(&Diagnostics::new(found.source().clone(), items)));
        }
    }
    let items = rules.warnings().flat_map(Diagnostics::items);
    let unmapped = items.filter(|item| item.code == Code::Unmapped).count();
    if unmapped > 0 {
        output::note(&format!(
            "conditions that never match because their field is not mapped: {unmapped}; `check` names them"
        ));
    }
}

/// The counters, where they are wanted.
pub(super) fn write_metrics(args: &RunArgs, engine: &Engine) -> Outcome<()> {
    let Some(path) = &args.metrics else { return Ok(()) };
    std::fs::write(path, engine.stats().to_prometheus()).map_err(|error| Failure::file(path, error))
}

/// Alerts on their way out, in their order.
pub(super) struct Writer {
    form: AlertForm,
    data: Data,
    /// By place of the rule.
    counts: BTreeMap<usize, u64>,
}

impl Writer {
    /// Writes alerts.
    pub(super) fn write(&mut self, alerts: Vec<Alert>) -> Outcome<()> {
        for alert in &alerts {
            *self.counts.entry(alert.rule_index()).or_default() += 1;
        }
        let form = self.form;
        threads::write(alerts, |alert: Alert| alert.to_lines(form), &mut self.data)
    }

    /// All that was written goes out now.
    pub(super) fn flush(&mut self) -> Outcome<()> {
        self.data.flush()
    }
}

fn exit(args: &RunArgs, alerts: u64, problems: &[Problem], given: usize) -> Exit {
    if !problems.is_empty() && (args.eval.schema.strict || problems.len() == given) {
        return Exit::Broken;
    }
    if alerts == 0 && args.fail_if_none { Exit::Findings } else { Exit::Clean }
}

/// Takes the events that the rules have to see; `all` where all have been read.
fn seen(args: &RunArgs, rules: &RuleSet, all: Option<Vec<Arc<Event>>>, take: Take<'_>) -> Outcome<()> {
    if let Some(all) = all {
        let _ = take(&all);
        return Ok(());
    }
    // Metrics count every event, and a schedule says what its runs saw.
    let whole = args.metrics.is_some() || args.simulate.simulate;
    let batch = if whole { Batch::of_all() } else { rules.batch() };
    let batch = if args.eval.no_fill { batch.without_fill() } else { batch };
    let reading = Reading { batch: &batch, fill: !args.eval.no_fill, jobs: args.eval.jobs };
    events::read_each(&args.events, &reading, take)
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
