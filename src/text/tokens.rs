//! The standard analyzer: words by Unicode's rules, lower-cased (Elasticsearch: standard analyzer).

use unicode_segmentation::UnicodeSegmentation;

/// Longer words are cut into pieces of this many UTF-16 units.
const MAX_LENGTH: usize = 255;

/// Shows each token of `text`, lower-cased, until `visit` returns true; tells whether it did.
pub fn any_token(text: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut words = text.split_word_bound_indices().peekable();
    while let Some((start, word)) = words.next() {
        let mut end = start + word.len();
        if word.starts_with(is_unspaced) {
            // Unicode cuts these scripts at every letter; the analyzer keeps a run of them together.
            while let Some((at, more)) = words.next_if(|(_, more)| more.starts_with(is_unspaced)) {
                end = at + more.len();
            }
        }
        let word = &text[start..end];
        if !is_token(word) {
            continue;
        }
        let plain = !word.bytes().any(|byte| byte.is_ascii_uppercase() || byte >= 0x80);
        if if plain && word.len() <= MAX_LENGTH { visit(word) } else { pieces(&lower(word), visit) } {
            return true;
        }
    }
    false
}

/// Letters of the scripts of South East Asia that are written without spaces (Unicode: line break class SA).
fn is_unspaced(c: char) -> bool {
    let thai_and_lao = 0x0E01..=0x0EFF;
    let number = |c: char| c.is_numeric() || matches!(c, '\u{E3F}' | '\u{E4F}' | '\u{E5A}' | '\u{E5B}');
    thai_and_lao.contains(&u32::from(c)) && !number(c)
        || matches!(u32::from(c), 0x1000..=0x103F | 0x1050..=0x108F | 0x109A..=0x109F | 0x1780..=0x17D3 | 0x17D7 | 0x17DC..=0x17DD
            | 0x1950..=0x1974 | 0x1980..=0x19C9 | 0x19DE..=0x19DF | 0x1A20..=0x1A7C | 0x1AA0..=0x1AAD | 0xA9E0..=0xA9EF
            | 0xA9FA..=0xA9FE | 0xAA60..=0xAAC2 | 0xAADB..=0xAADF)
}

/// The tokens of `text`.
///
/// ```
/// use elkhound::text::tokens;
/// assert_eq!(tokens(r"C:\Windows\cmd.exe -x foo_bar"), ["c", "windows", "cmd.exe", "x", "foo_bar"]);
/// ```
pub fn tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    any_token(text, &mut |token| {
        out.push(token.to_owned());
        false
    });
    out
}

/// Lower-casing character by character, as Lucene's filter does it.
pub fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .map(|c| {
            let mut mapped = c.to_lowercase();
            mapped.next().unwrap_or(c)
        })
        .collect()
}

fn is_token(word: &str) -> bool {
    word.chars().any(|c| c.is_alphanumeric() || is_pictograph(c))
}

fn is_pictograph(c: char) -> bool {
    matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B05..=0x2B55 | 0x231A..=0x23FF)
}

fn pieces(word: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    let (mut start, mut units) = (0, 0);
    for (at, c) in word.char_indices() {
        if units + c.len_utf16() > MAX_LENGTH {
            if visit(&word[start..at]) {
                return true;
            }
            (start, units) = (at, 0);
        }
        units += c.len_utf16();
    }
    visit(&word[start..])
}
