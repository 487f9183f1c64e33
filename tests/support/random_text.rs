//! Random texts over the whole of both grammars, sound as texts whether or not they mean anything, and damaged texts.
#![allow(dead_code, reason = "each test uses its own part")]

use crate::random::Random;

/// A random KQL text.
pub fn kql(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { 9 } else { random.below(10) } {
        0 => format!("({})", kql(random, depth - 1)),
        1 | 2 => chain(random, depth, kql, " and "),
        3 | 4 => chain(random, depth, kql, " or "),
        5 => format!("not ({})", kql(random, depth - 1)),
        6 => format!("{}: {{ {} }}", literal(random), kql(random, depth - 1)),
        7 => format!("{}: ({})", literal(random), values(random, depth - 1)),
        8 => format!("{} {} {}", literal(random), random.pick(&["<", "<=", ">", ">="]), literal(random)),
        _ if random.once_in(4) => literal(random),
        _ => format!("{}{}{}", literal(random), random.pick(&[":", ": ", " : "]), literal(random)),
    }
}

fn chain(random: &mut Random, depth: usize, part: fn(&mut Random, usize) -> String, between: &str) -> String {
    let parts: Vec<String> = (0..2 + random.below(2)).map(|_| part(random, depth - 1)).collect();
    let between = if random.once_in(3) { between.to_uppercase() } else { between.to_owned() };
    parts.join(&between)
}

fn values(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { 9 } else { random.below(6) } {
        0 => format!("({})", values(random, depth - 1)),
        1 => chain(random, depth, values, " or "),
        2 => chain(random, depth, values, " and "),
        3 => format!("not {}", literal(random)),
        _ => literal(random),
    }
}

const WORDS: &[&str] = &[
    "a",
    "b.c",
    "foo",
    "host.name",
    "@timestamp",
    "10.0.0.1",
    "x-y",
    "é",
    "日本",
    "😀",
    "null",
    "true",
    "false",
    "or",
    "and",
    "nothing",
    "1e3",
    "-4",
    "'x'",
    "[1",
    "a/b",
    "~",
    "https",
    "İ",
    "\u{a0}",
    "\u{3000}",
];
const ESCAPES: &[&str] = &[
    "\\:",
    "\\(",
    "\\)",
    "\\<",
    "\\>",
    "\\\"",
    "\\*",
    "\\{",
    "\\}",
    "\\\\",
    "\\t",
    "\\r",
    "\\n",
    "\\u0041",
    "\\u002a",
    "\\ud83d\\ude00",
    "\\and",
    "\\or",
    "\\NOT",
    "*",
    "**",
];

fn literal(random: &mut Random) -> String {
    let mut out = String::new();
    if random.once_in(3) {
        for _ in 0..random.below(4) {
            let from = [WORDS, &[" ", " or ", " not ", "\\t", "\\\\", "\\\"", "\\x", "*", ":", "(", "\n", "\\u0041"]];
            let from = from[random.below(2)];
            out.push_str(random.pick(from));
        }
        return format!("\"{out}\"");
    }
    out.push_str(random.pick(WORDS));
    for _ in 0..random.below(3) {
        let from = [WORDS, ESCAPES, &[" ", "  ", "."]];
        let from = from[random.below(3)];
        out.push_str(random.pick(from));
    }
    out
}

/// A random EQL text of any kind, in Elasticsearch's dialect or Endgame's.
pub fn eql(random: &mut Random, endgame: bool) -> String {
    let statement = match random.below(if endgame { 4 } else { 3 }) {
        0 => filter(random),
        1 => sequence(random, endgame),
        2 if !endgame => {
            let terms: Vec<String> =
                (0..2 + random.below(3)).map(|_| format!("[{}]{}", filter(random), by(random))).collect();
            format!("sample{} {}", by(random), terms.join(space(random)))
        }
        _ => {
            let terms: Vec<String> =
                (0..2 + random.below(2)).map(|_| format!("[{}]{}", filter(random), by(random))).collect();
            format!("join{} {}", by(random), terms.join(" "))
        }
    };
    let pipes: String = (0..random.below(3)).map(|_| pipe(random, endgame)).collect();
    statement + &pipes
}

fn space(random: &mut Random) -> &'static str {
    random.pick(&[" ", "\n", " // note\n", "\t/* note */ "])
}

fn filter(random: &mut Random) -> String {
    let category = random.pick(&["any", "process", "network", "\"my kind\"", "file"]);
    let depth = random.below(5);
    format!("{category}{}where{}{}", space(random), space(random), condition(random, depth))
}

fn by(random: &mut Random) -> String {
    if random.once_in(2) {
        return String::new();
    }
    let keys: Vec<String> = (0..1 + random.below(2)).map(|_| field(random)).collect();
    format!(" by {}", keys.join(", "))
}

fn sequence(random: &mut Random, endgame: bool) -> String {
    let span = match random.below(3) {
        0 => format!(" with maxspan={}{}", 1 + random.below(90), random.pick(&["s", "m", "h", "d", " ms"])),
        _ => String::new(),
    };
    let mut out = format!("sequence{}{span}", by(random));
    for _ in 0..2 + random.below(3) {
        let mark = if !endgame && !span.is_empty() && random.once_in(5) { "!" } else { "" };
        let fork = if endgame && random.once_in(5) { random.pick(&[" fork", " fork=true"]) } else { "" };
        let runs = if random.once_in(6) { format!(" with runs={}", 1 + random.below(3)) } else { String::new() };
        out.push_str(&format!("{}{mark}[{}]{fork}{}{runs}", space(random), filter(random), by(random)));
    }
    if random.once_in(4) {
        out.push_str(&format!(" until [{}]{}", filter(random), by(random)));
    }
    out
}

fn pipe(random: &mut Random, endgame: bool) -> String {
    match random.below(if endgame { 6 } else { 2 }) {
        0 => format!(" | head {}", random.below(100)),
        1 => format!(" | tail {}", random.below(100)),
        2 => format!(" | unique {}", expression(random, 1)),
        3 => format!(" | filter {}", condition(random, 2)),
        4 => format!(" | sort {}", field(random)),
        _ => format!(" | unique_count {}, {}", field(random), field(random)),
    }
}

fn condition(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { 8 + random.below(4) } else { random.below(12) } {
        0 | 1 => format!("{} and {}", condition(random, depth - 1), condition(random, depth - 1)),
        2 | 3 => format!("{} or {}", condition(random, depth - 1), condition(random, depth - 1)),
        4 => format!("not {}", condition(random, depth - 1)),
        5 => format!("({})", condition(random, depth - 1)),
        6 => format!("not ({})", condition(random, depth - 1)),
        7 => format!(
            "({}) {} {}",
            condition(random, depth - 1),
            random.pick(&["==", "!="]),
            random.pick(&["true", "false"])
        ),
        8 => format!(
            "{} {} {}",
            expression(random, 2),
            random.pick(&["==", "!=", "<", "<=", ">", ">="]),
            expression(random, 2)
        ),
        9 => format!(
            "{} {} {}",
            expression(random, 1),
            random.pick(&[":", "like", "like~", "regex", "regex~"]),
            list(random)
        ),
        10 => format!(
            "{} {} {}",
            expression(random, 1),
            random.pick(&["in", "in~", "not in", "not in~"]),
            parenthesized(random)
        ),
        _ => call(random, 2),
    }
}

fn list(random: &mut Random) -> String {
    if random.once_in(3) { parenthesized(random) } else { text(random) }
}

fn parenthesized(random: &mut Random) -> String {
    let items: Vec<String> =
        (0..1 + random.below(3)).map(|_| if random.once_in(4) { number(random) } else { text(random) }).collect();
    format!("({})", items.join(", "))
}

fn expression(random: &mut Random, depth: usize) -> String {
    match if depth == 0 { random.below(4) } else { random.below(8) } {
        0 | 1 => field(random),
        2 => text(random),
        3 => number(random),
        4 => call(random, depth - 1),
        5 => format!("-{}", expression(random, depth - 1)),
        6 => format!("({})", expression(random, depth - 1)),
        _ => {
            let operator = random.pick(&["+", "-", "*", "/", "%"]);
            format!("{} {operator} {}", expression(random, depth - 1), expression(random, depth - 1))
        }
    }
}

fn call(random: &mut Random, depth: usize) -> String {
    let name = random.pick(&[
        "length",
        "concat",
        "startsWith~",
        "between",
        "cidrMatch",
        "substring",
        "indexOf",
        "string",
        "number",
    ]);
    let args: Vec<String> = (0..1 + random.below(3)).map(|_| expression(random, depth.saturating_sub(1))).collect();
    format!("{name}({})", args.join(", "))
}

fn field(random: &mut Random) -> String {
    random
        .pick(&["a", "b.c", "?d.e", "`my-field`.x", "process.name", "`where`", "f[0].g", "@timestamp", "é"])
        .to_owned()
}

fn text(random: &mut Random) -> String {
    random
        .pick(&[
            "\"\"",
            "\"x\"",
            "\"a\\tb\\\"\\\\\"",
            "\"\\u{1F600}é\"",
            "\"\"\"raw \\ \"text\" \"\"\"",
            "\"C:\\\\*\"",
            "\"日本\"",
            "null",
            "true",
        ])
        .to_owned()
}

fn number(random: &mut Random) -> String {
    random.pick(&["0", "1", "-1", "9223372036854775807", "1.5", "-0.25", "1e10", "2.5e-3", ".5"]).to_owned()
}

/// The text with a few damages: pieces taken out, doubled, swapped for others, or any bytes put in.
pub fn damaged(random: &mut Random, text: &str) -> String {
    const PIECES: &[&str] = &[
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\"\"\"",
        "'",
        "`",
        "\\",
        ":",
        "*",
        "?",
        "!",
        "|",
        ",",
        " and ",
        " or ",
        " not ",
        " where ",
        " by ",
        "maxspan=1s",
        "\\u",
        "\\u{",
        "\u{0}",
        "\u{1F600}",
        "é",
        "\n",
        "//",
        "/*",
        "99999999999999999999",
        "1e999",
        "-",
        "~",
        "==",
        "<",
        "=",
        "in (",
        "sequence",
        "until [",
        "with runs=101",
        "'''",
        "#",
        "\u{feff}",
        "\u{2028}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(4) {
        let (from, length) = (random.below(chars.len() + 1), random.below(12));
        let to = (from + length).min(chars.len());
        match random.below(5) {
            0 => drop(chars.drain(from..to)),
            1 => {
                let piece: Vec<char> = chars[from..to].to_vec();
                let at = random.below(chars.len() + 1);
                chars.splice(at..at, piece);
            }
            2 => drop(chars.splice(from..from, random.pick(PIECES).chars())),
            3 => drop(chars.splice(from..to, random.pick(PIECES).chars())),
            _ => drop(chars.splice(from..from, char::from_u32(random.below(0x3000) as u32))),
        }
    }
    chars.into_iter().collect()
}
