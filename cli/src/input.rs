//! Files and stdin, compressed or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Outcome};

/// The largest text that is read whole (queries, rules, mappings): 256 MiB.
const TEXT_LIMIT: u64 = 256 << 20;

/// Whether a path stands for stdin.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether a path names a file that is unpacked while it is read.
pub fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz" || extension == "zst")
}

/// The name of a path in messages.
pub fn name(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// Opens a file for reading; `.gz` and `.zst` are unpacked on the way; `-` is stdin. The mark that some editors put at the beginning
/// of UTF-8 is passed over.
pub fn open(path: &Path) -> Outcome<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::with_capacity(1 << 16, unpacked(path)?);
    if reader.fill_buf().map_err(|error| Failure::file(path, error))?.starts_with(b"\xEF\xBB\xBF") {
        reader.consume(3);
    }
    Ok(Box::new(reader))
}

fn unpacked(path: &Path) -> Outcome<Box<dyn Read + Send>> {
    if is_stdin(path) {
        // Whoever came second would find nothing, and take it for all there is.
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Failure::Usage("`-` is given twice, but stdin can be read only once".into()));
        }
        return Ok(Box::new(std::io::stdin()));
    }
    let failed = |error| Failure::file(path, error);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure::file(path, "is a directory"));
    }
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file).map_err(failed)?),
        _ => Box::new(file),
    })
}

/// The whole text of a file.
pub fn text(path: &Path) -> Outcome<String> {
    let mut bytes = Vec::new();
    open(path)?.take(TEXT_LIMIT).read_to_end(&mut bytes).map_err(|error| Failure::file(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Failure::file(path, format!("not UTF-8 from byte {offset} on"))
    })
}

/// The JSON of a file.
pub fn json(path: &Path) -> Outcome<serde_json::Value> {
    serde_json::from_str(&text(path)?).map_err(|error| Failure::file(path, error))
}
