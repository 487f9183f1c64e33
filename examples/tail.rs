//! Follows a file of events, prints alerts, and goes on after a crash: `cargo run --example tail --features rules -- RULES EVENTS
//! SNAPSHOT [--follow]`. Without arguments it reads the shipped events twice, as if it had been killed in between.
//!
//! Alerts go out before the snapshot that covers them, so that none is lost; those given between the last snapshot and a crash
//! come a second time with the same ids.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it found")]

#[cfg(feature = "rules")]
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[cfg(feature = "rules")]
mod tail {
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use elkhound::engine::{Engine, EngineSettings, RuleSet, Snapshot};
    use elkhound::event::Event;

    use super::Outcome;

    /// Events between two snapshots.
    const EVERY: u64 = 1_000;

    pub struct Tail {
        pub rules: PathBuf,
        pub events: PathBuf,
        pub snapshot: PathBuf,
        /// Whether to wait for more at the end of the file.
        pub follow: bool,
    }

    impl Tail {
        /// The engine and the byte to go on from.
        fn start(&self) -> Outcome<(Engine, u64)> {
            let loaded = RuleSet::load_dir(&self.rules)?;
            loaded.problems.iter().for_each(|problem| eprintln!("not run: {problem}"));
            // Events may come up to five seconds out of order.
            let settings = EngineSettings { lateness: 5_000_000_000, ..EngineSettings::default() };
            let Ok(bytes) = fs::read(&self.snapshot) else {
                return Ok((Engine::with_settings(loaded.rules, settings), 0));
            };
            let snapshot = Snapshot::from_bytes(&bytes)?;
            let offset = snapshot.cursor().parse()?;
            let (engine, migration) = Engine::migrate(Arc::clone(&loaded.rules), settings, snapshot)?;
            eprintln!("went on at byte {offset}: {migration}");
            Ok((engine, offset))
        }

        fn save(&self, engine: &Engine, offset: u64) -> Outcome<()> {
            let next = self.snapshot.with_extension("next");
            let mut file = File::create(&next)?;
            file.write_all(&engine.snapshot(&offset.to_string()).to_bytes())?;
            file.sync_all()?;
            Ok(fs::rename(next, &self.snapshot)?)
        }

        pub fn run(&self) -> Outcome<()> {
            let (mut engine, mut offset) = self.start()?;
            let mut input = BufReader::new(File::open(&self.events)?);
            input.seek(SeekFrom::Start(offset))?;
            let mut out = std::io::stdout();
            let mut line = Vec::new();
            loop {
                input.read_until(b'\n', &mut line)?;
                if line.last() != Some(&b'\n') {
                    // Nothing more, or a line that is still being written.
                    if !self.follow {
                        break;
                    }
                    // Time passes although nothing comes: what waited for an absence is settled.
                    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
                    for alert in engine.advance(now.try_into()?) {
                        writeln!(out, "{}", alert.to_json())?;
                    }
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                }
                offset += line.len() as u64;
                match Event::from_json(line.trim_ascii()) {
                    Ok(event) => {
                        for alert in engine.push(event) {
                            writeln!(out, "{}", alert.to_json())?;
                        }
                    }
                    Err(error) => eprintln!("before byte {offset}: {error}"),
                }
                line.clear();
                if engine.events().is_multiple_of(EVERY) {
                    out.flush()?;
                    self.save(&engine, offset)?;
                }
            }
            out.flush()?;
            self.save(&engine, offset)
        }
    }
}

#[cfg(feature = "rules")]
fn main() -> Outcome<()> {
    use tail::Tail;

    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let follow = arguments.iter().position(|argument| argument == "--follow").map(|at| arguments.remove(at)).is_some();
    if let [rules, events, snapshot] = arguments.as_slice() {
        return Tail { rules: rules.into(), events: events.into(), snapshot: snapshot.into(), follow }.run();
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = std::env::temp_dir().join(format!("elkhound-tail-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let (events, snapshot) = (directory.join("events.ndjson"), directory.join("snapshot"));
    let text = std::fs::read_to_string(root.join("examples/events.ndjson"))?;
    let half = text.lines().take(5).map(|line| format!("{line}\n")).collect::<String>();
    for text in [half, text] {
        std::fs::write(&events, text)?;
        Tail { rules: root.join("rules"), events: events.clone(), snapshot: snapshot.clone(), follow: false }.run()?;
    }
    Ok(std::fs::remove_dir_all(directory)?)
}

#[cfg(not(feature = "rules"))]
fn main() {}
