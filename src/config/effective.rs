//! The values in force as a file: what is read back is the same configuration.

use super::Config;
use super::reader::{Entry, Origin};
use std::fmt::Write as _;

/// One line for each key, with where its value comes from; a key without a value is a comment.
pub(super) fn render(config: &Config) -> String {
    let mut out = String::new();
    let width = config.entries.iter().map(|entry| line(entry).chars().count()).filter(|w| *w <= 48).max().unwrap_or(0);
    let mut header = None;
    for entry in &config.entries {
        if entry.first || header != Some(&entry.section) {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{}", entry.section);
            header = Some(&entry.section);
        }
        let from = match entry.origin {
            Origin::File(line) => format!("line {line}"),
            Origin::Default if entry.value.is_none() => format!("default: {}", entry.note),
            Origin::Default => "default".to_owned(),
        };
        let _ = writeln!(out, "{:width$}  # {from}", line(entry));
    }
    match (&config.upstream, config.roster_key) {
        (Some(_), _) => {}
        (None, None) => out.push_str("\n# [upstream]: not written, so the ledger is copied nowhere\n"),
        (None, Some(_)) => {
            out.push_str("\n# [upstream]: without url, so the ledger is copied nowhere and no roster is asked for\n");
        }
    }
    if config.recipients.is_empty() {
        out.push_str("\n# [[recipient]]: not written, so nobody elsewhere is told of alarms\n");
    }
    if config.ups.is_none() {
        out.push_str("\n# [ups]: not written, so no UPS is watched\n");
    }
    if config.accounts.is_empty() {
        out.push_str("\n# [accounts]: empty, so only root may change anything through the control socket\n");
    }
    out
}

fn line(entry: &Entry) -> String {
    match &entry.value {
        Some(value) => format!("{} = {value}", entry.key),
        None => format!("# {} =", entry.key),
    }
}
