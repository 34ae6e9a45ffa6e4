//! How the ledger's copy stands, as text.

use super::status::line;
use super::words::{Tone, View, clean, lasting};
use crate::cabinet::snapshot::{Snapshot, UpstreamIs, UpstreamView};

/// All that is known of it.
#[must_use]
pub fn upstream(seen: &Snapshot, view: &View) -> String {
    let mut text = String::new();
    match &seen.upstream {
        None => {
            text.push_str("The ledger is copied nowhere: there is no url under [upstream] in the config.\n");
            roster(&mut text, seen, view);
        }
        Some(upstream) => {
            lines(&mut text, upstream, view);
            let has = format!("up to record {} of {}", upstream.acknowledged_seq, seen.head_seq);
            line(&mut text, view, "Has", &has);
            if let Some(ago_ms) = upstream.heard_ago_ms {
                let heard = format!("{} ago", lasting(ago_ms.saturating_add(view.age_ms)));
                line(&mut text, view, "Heard", &heard);
            }
            roster(&mut text, seen, view);
            if let Some(why) = &upstream.roster_trouble {
                let words = format!("the one that upstream has is not taken: {}", clean(why));
                line(&mut text, view, "", &view.paint.tone(Tone::Doubt, &words));
            }
        }
    }
    text
}

/// The signed roster, for `status` as well.
pub(super) fn roster(text: &mut String, seen: &Snapshot, view: &View) {
    let Some(roster) = &seen.signed_roster else { return };
    if let (Some(version), Some(expires)) = (roster.version, roster.expires) {
        let until = view.at(expires, view.now(seen));
        let (tone, word) = match roster.is_overdue {
            Some(true) => (Tone::Doubt, format!("signed, version {version}; PAST ITS AGE since {until}")),
            Some(false) => (Tone::Good, format!("signed, version {version}, until {until}")),
            None => (
                Tone::Faint,
                format!("signed, version {version}, until {until}; the clock does not know if that is over"),
            ),
        };
        line(text, view, "Roster", &view.paint.tone(tone, &word));
    }
    if let Some(version) = roster.waiting {
        let head = if roster.version.is_none() { "Roster" } else { "" };
        let words = match roster.waits_for.first() {
            None => format!("version {version} is taken when nobody is at the cabinet"),
            Some(key) => {
                let words = format!(
                    "version {version} waits until {} is back: it gives the slot to another",
                    clean(&key.label)
                );
                view.paint.tone(Tone::Doubt, &words)
            }
        };
        line(text, view, head, &words);
    }
}

/// The lines for `status`.
pub(super) fn lines(text: &mut String, upstream: &UpstreamView, view: &View) {
    let waiting = match upstream.waiting {
        0 => "has everything".to_owned(),
        1 => "1 record waits".to_owned(),
        count => format!("{count} records wait"),
    };
    let (tone, word) = match upstream.state {
        UpstreamIs::Current => (Tone::Good, waiting),
        UpstreamIs::Unknown => (Tone::Faint, format!("not heard yet, {waiting}")),
        UpstreamIs::Silent => {
            let since = upstream.silent_ms.map(|ms| lasting(ms.saturating_add(view.age_ms)));
            (Tone::Doubt, format!("silent for {}, {waiting}", since.unwrap_or_default()))
        }
        UpstreamIs::Stopped => (Tone::Bad, format!("STOPPED, it holds other records than this ledger; {waiting}")),
        UpstreamIs::Blocked => (Tone::Bad, format!("blocked by a record that it does not take; {waiting}")),
    };
    line(text, view, "Upstream", &view.paint.tone(tone, &word));
    if let Some(why) = &upstream.trouble {
        line(text, view, "", &clean(why));
    }
    if !upstream.parked.is_empty() {
        let list: Vec<String> = upstream.parked.iter().take(10).map(u64::to_string).collect();
        let more = if upstream.parked.len() > list.len() { ", …" } else { "" };
        let words = format!("went without their content: {}{more}; `cabinetd upstream retry`", list.join(", "));
        line(text, view, "", &words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::live::words;

    fn told(upstream: &UpstreamView) -> String {
        let paint = words::Paint { colour: false, ascii: true };
        let zone = words::zone(Some("UTC"));
        let view = View { paint, zone, age_ms: 60_000, columns: 80 };
        let mut text = String::new();
        lines(&mut text, upstream, &view);
        text
    }

    #[test]
    fn silence_and_what_waits_are_told_with_their_length() {
        let mut upstream = UpstreamView {
            state: UpstreamIs::Silent,
            acknowledged_seq: 900,
            waiting: 142,
            heard_ago_ms: None,
            silent_ms: Some(3 * 3_600_000),
            parked: vec![31, 40],
            roster_trouble: None,
            trouble: Some("no route\u{1b}[31m to host".into()),
        };
        let text = told(&upstream);
        assert!(text.starts_with("Upstream  silent for 3 h 01 min, 142 records wait\n"), "{text}");
        assert!(text.contains("no route") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("31, 40"), "{text}");
        (upstream.state, upstream.waiting, upstream.trouble) = (UpstreamIs::Current, 0, None);
        assert!(told(&upstream).starts_with("Upstream  has everything\n"));
    }
}
