//! The marked blocks of a page into which results are written: each between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// Fails if the page at `path` has no block of this name: better before hours of runs than after them.
pub(crate) fn check(path: &Path, name: &str) -> Result<(), String> {
    let page = fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    inside(&page, name).map(drop).map_err(|why| format!("{}: {why}", path.display()))
}

/// Puts `text` into the block of the page at `path`.
pub(crate) fn write(path: &Path, name: &str, text: &str) -> Result<(), String> {
    let failed = |error| format!("writing the result into {}: {error}", path.display());
    let page = fs::read_to_string(path).map_err(failed)?;
    let page = between(&page, name, text).map_err(|why| format!("{}: {why}", path.display()))?;
    fs::write(path, page).map_err(failed)
}

/// The page with `text` in the block, everything else as it was.
pub(crate) fn between(page: &str, name: &str, text: &str) -> Result<String, String> {
    let Range { start, end } = inside(page, name)?;
    Ok(format!("{}\n\n{}\n\n{}", &page[..start], text.trim(), &page[end..]))
}

fn inside(page: &str, name: &str) -> Result<Range<usize>, String> {
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let missing = || format!("it has no `{begin}` before a `{end}`; put both where the result belongs");
    let one = |marker: &str| page.match_indices(marker).map(|(at, _)| at).collect::<Vec<_>>();
    let (begins, ends) = (one(&begin), one(&end));
    let ([from], [to]) = (&begins[..], &ends[..]) else {
        let several = begins.len() > 1 || ends.len() > 1;
        return Err(if several { format!("it has `{begin}` or `{end}` more than once") } else { missing() });
    };
    let inside = from + begin.len()..*to;
    let text = page.get(inside.clone()).ok_or_else(missing)?;
    if [": begin -->", ": end -->"].iter().any(|marker| text.contains(marker)) {
        return Err(format!("another marker stands between `{begin}` and `{end}`"));
    }
    Ok(inside)
}
