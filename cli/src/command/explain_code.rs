//! `explain-code`: a diagnostic's code in words, from the one table of codes.

use elkhound::diagnostic::Code;

use crate::args::ExplainCodeArgs;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Data;

pub fn run(args: &ExplainCodeArgs) -> Outcome {
    let mut data = Data::stdout();
    match &args.code {
        Some(text) => {
            let code: Code = text
                .parse()
                .map_err(|_| Failure::Usage(format!("no code `{text}`; `elkhound explain-code` lists them")))?;
            data.line(&explanation(code))?;
        }
        None => {
            for code in Code::ALL {
                data.line(&format!("{}  {}", code.id(), code.title()))?;
            }
        }
    }
    data.finish()?;
    Ok(Exit::Clean)
}

fn explanation(code: Code) -> String {
    let mut text = format!("{}: {}\n\n{}", code.id(), code.title(), code.text());
    if !code.example().is_empty() {
        text.push_str("\n\nFor example:\n\n");
        let lines = code.example().lines().map(|line| format!("    {line}"));
        text.push_str(&lines.collect::<Vec<_>>().join("\n"));
    }
    text
}
