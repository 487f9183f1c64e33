//! The standard analyzer: words by Unicode's rules, lower-cased (Elasticsearch: standard analyzer).

use unicode_segmentation::UnicodeSegmentation;

/// Longer words are cut into pieces of this many UTF-16 units.
const MAX_LENGTH: usize = 255;

/// Shows each token of `text`, lower-cased, until `visit` returns true; tells whether it did.
pub fn any_token(text: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    text.split_word_bounds().filter(|word| is_token(word)).any(|word| {
        let plain = !word.bytes().any(|byte| byte.is_ascii_uppercase() || byte >= 0x80);
        if plain && word.len() <= MAX_LENGTH { visit(word) } else { pieces(&lower(word), visit) }
    })
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
