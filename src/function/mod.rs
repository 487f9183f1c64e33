//! The built-in functions of EQL: one table of names, arguments and bodies.
//! (Elasticsearch: EQL function reference; the bodies follow its function processors.)
//!
//! A body takes values and gives a value, or the product's words for why it cannot. No fields, no events.

pub mod arithmetic;
pub mod datum;
mod string;

pub use datum::Datum;

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `add(a, b)`
    Add,
    /// `between(source, left, right [, greedy])`
    Between,
    /// `cidrMatch(ip, block…)`
    CidrMatch,
    /// `concat(value…)`
    Concat,
    /// `divide(a, b)`
    Divide,
    /// `endsWith(source, suffix)`
    EndsWith,
    /// `indexOf(source, substring [, start])`
    IndexOf,
    /// `length(string)`
    Length,
    /// `match(source, regex…)`, early 7.x only
    Match,
    /// `modulo(a, b)`
    Modulo,
    /// `multiply(a, b)`
    Multiply,
    /// `number(string [, base])`
    Number,
    /// `startsWith(source, prefix)`
    StartsWith,
    /// `string(value)`
    String,
    /// `stringContains(source, substring)`
    StringContains,
    /// `substring(source, start [, end])`
    Substring,
    /// `subtract(a, b)`
    Subtract,
    /// `wildcard(source, pattern…)`, early 7.x only
    Wildcard,
}

/// What an argument has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Anything with an exact value.
    Any,
    /// A string.
    String,
    /// A constant string.
    ConstantString,
    /// A number.
    Numeric,
    /// A whole number.
    Integer,
    /// A constant boolean.
    ConstantBoolean,
    /// An address.
    Ip,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A boolean.
    Boolean,
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// A number of the widest type of the arguments.
    Number,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The name as documented.
    pub name: &'static str,
    /// Which function.
    pub function: Function,
    /// The arguments in order; the last one repeats where `repeats`.
    pub wants: &'static [Wants],
    /// How many arguments there must be at least.
    pub least: usize,
    /// Whether more arguments like the last may follow.
    pub repeats: bool,
    /// Whether `name~` exists.
    pub folds: bool,
    /// What comes out.
    pub gives: Gives,
    /// Whether only Elasticsearch before 7.10 has it.
    pub early: bool,
}

const fn line(
    name: &'static str,
    function: Function,
    wants: &'static [Wants],
    least: usize,
    gives: Gives,
) -> Signature {
    Signature { name, function, wants, least, repeats: false, folds: false, gives, early: false }
}

const fn folding(signature: Signature) -> Signature {
    Signature { folds: true, ..signature }
}

const fn repeating(signature: Signature) -> Signature {
    Signature { repeats: true, ..signature }
}

const fn early(signature: Signature) -> Signature {
    Signature { early: true, repeats: true, ..signature }
}

const TWO_NUMBERS: &[Wants] = &[Wants::Numeric, Wants::Numeric];
const TWO_STRINGS: &[Wants] = &[Wants::String, Wants::String];
const PATTERNS: &[Wants] = &[Wants::String, Wants::ConstantString];

/// Every function.
pub const TABLE: [Signature; 19] = [
    line("add", Function::Add, TWO_NUMBERS, 2, Gives::Number),
    folding(line(
        "between",
        Function::Between,
        &[Wants::String, Wants::String, Wants::String, Wants::ConstantBoolean],
        3,
        Gives::String,
    )),
    repeating(line("cidrMatch", Function::CidrMatch, &[Wants::Ip, Wants::ConstantString], 2, Gives::Boolean)),
    repeating(line("concat", Function::Concat, &[Wants::Any], 1, Gives::String)),
    line("divide", Function::Divide, TWO_NUMBERS, 2, Gives::Number),
    folding(line("endsWith", Function::EndsWith, TWO_STRINGS, 2, Gives::Boolean)),
    folding(line("indexOf", Function::IndexOf, &[Wants::String, Wants::String, Wants::Integer], 2, Gives::Integer)),
    line("length", Function::Length, &[Wants::String], 1, Gives::Integer),
    early(line("match", Function::Match, PATTERNS, 2, Gives::Boolean)),
    early(line("matchLite", Function::Match, PATTERNS, 2, Gives::Boolean)),
    line("modulo", Function::Modulo, TWO_NUMBERS, 2, Gives::Number),
    line("multiply", Function::Multiply, TWO_NUMBERS, 2, Gives::Number),
    line("number", Function::Number, &[Wants::String, Wants::Integer], 1, Gives::Number),
    folding(line("startsWith", Function::StartsWith, TWO_STRINGS, 2, Gives::Boolean)),
    line("string", Function::String, &[Wants::Any], 1, Gives::String),
    folding(line("stringContains", Function::StringContains, TWO_STRINGS, 2, Gives::Boolean)),
    line("substring", Function::Substring, &[Wants::String, Wants::Integer, Wants::Integer], 2, Gives::String),
    line("subtract", Function::Subtract, TWO_NUMBERS, 2, Gives::Number),
    early(line("wildcard", Function::Wildcard, PATTERNS, 2, Gives::Boolean)),
];

/// The line of a function, its name in any case.
///
/// ```
/// use elkhound::function::{Function, lookup};
/// assert_eq!(lookup("STARTSWITH").map(|line| line.function), Some(Function::StartsWith));
/// ```
pub fn lookup(name: &str) -> Option<&'static Signature> {
    TABLE.iter().find(|line| line.name.eq_ignore_ascii_case(name))
}

impl Signature {
    /// The most arguments it takes; `None` for any number.
    pub const fn most(&self) -> Option<usize> {
        if self.repeats { None } else { Some(self.wants.len()) }
    }

    /// What argument `index` has to be.
    pub fn wants(&self, index: usize) -> Wants {
        self.wants.get(index).or(self.wants.last()).copied().unwrap_or(Wants::Any)
    }
}

impl Function {
    /// Applies the function; `fold` is the `~` after its name.
    ///
    /// # Errors
    /// The product's words for arguments that it cannot use, such as a division by zero.
    pub fn apply(self, args: &[Datum], fold: bool) -> Result<Datum, String> {
        let arg = |index: usize| args.get(index).unwrap_or(&Datum::Null);
        match self {
            Self::Add => arithmetic::apply(arithmetic::Operator::Add, arg(0), arg(1)),
            Self::Subtract => arithmetic::apply(arithmetic::Operator::Subtract, arg(0), arg(1)),
            Self::Multiply => arithmetic::apply(arithmetic::Operator::Multiply, arg(0), arg(1)),
            Self::Divide => arithmetic::apply(arithmetic::Operator::Divide, arg(0), arg(1)),
            Self::Modulo => arithmetic::apply(arithmetic::Operator::Modulo, arg(0), arg(1)),
            Self::Between => string::between(args, fold),
            Self::CidrMatch => string::cidr_match(arg(0), args.get(1..).unwrap_or_default()),
            Self::Concat => Ok(string::concat(args)),
            Self::EndsWith => string::affix(arg(0), arg(1), fold, |text, suffix| text.ends_with(suffix)),
            Self::StartsWith => string::affix(arg(0), arg(1), fold, |text, prefix| text.starts_with(prefix)),
            Self::StringContains => string::affix(arg(0), arg(1), fold, |text, part| {
                !text.is_empty() && !part.is_empty() && text.contains(part)
            }),
            Self::IndexOf => string::index_of(arg(0), arg(1), arg(2), fold),
            Self::Length => string::length(arg(0)),
            Self::Number => string::number(arg(0), arg(1)),
            Self::String => Ok(arg(0).to_text().map_or(Datum::Null, Datum::from)),
            Self::Substring => string::substring(arg(0), arg(1), arg(2)),
            // Both become pattern nodes of the plan.
            Self::Match | Self::Wildcard => Ok(Datum::Null),
        }
    }
}
