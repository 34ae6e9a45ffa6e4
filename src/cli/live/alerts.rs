//! How those stand who are told of alarms, as text.

use super::status::line;
use super::words::{Tone, View, clean, lasting};
use crate::cabinet::snapshot::{AlertsView, RecipientIs, RecipientView, Snapshot};
use std::fmt::Write as _;

/// Each of them.
#[must_use]
pub fn alerts(seen: &Snapshot, view: &View) -> String {
    let mut text = String::new();
    match &seen.alerts {
        None => text.push_str("Nobody elsewhere is told of alarms: there is no [[recipient]] in the config.\n"),
        Some(AlertsView { recipients }) => {
            for recipient in recipients {
                whole(&mut text, recipient, view);
            }
        }
    }
    text
}

/// The line for `status`: none while all is well.
pub(super) fn lines(text: &mut String, alerts: &AlertsView, view: &View) {
    let failing: Vec<&RecipientView> =
        alerts.recipients.iter().filter(|recipient| recipient.state == RecipientIs::Failing).collect();
    for (index, recipient) in failing.iter().enumerate() {
        let since = lasting(recipient.failing_ms.unwrap_or(0).saturating_add(view.age_ms));
        let words = format!("{} cannot be told, for {since}; `cabinetd alerts status`", clean(&recipient.name));
        line(text, view, if index == 0 { "Alerts" } else { "" }, &view.paint.tone(Tone::Doubt, &words));
    }
}

fn whole(text: &mut String, recipient: &RecipientView, view: &View) {
    let ago = |ms: u64| lasting(ms.saturating_add(view.age_ms));
    let (tone, words) = match recipient.state {
        RecipientIs::Fine => (Tone::Good, "told all that is urgent".to_owned()),
        RecipientIs::Waiting => (Tone::Faint, format!("{} urgent, about to go", recipient.urgent_waiting)),
        RecipientIs::Failing => {
            let since = ago(recipient.failing_ms.unwrap_or(0));
            (Tone::Doubt, format!("CANNOT BE TOLD, for {since}; {} urgent wait", recipient.urgent_waiting))
        }
    };
    // Writing to a String does not fail.
    let _ = writeln!(text, "{} ({})", clean(&recipient.name), recipient.by);
    line(text, view, "State", &view.paint.tone(tone, &words));
    if recipient.routine_waiting > 0 {
        line(text, view, "Digest", &format!("{} wait for it", recipient.routine_waiting));
    }
    let told = recipient
        .told_ago_ms
        .map_or_else(|| "nothing since the daemon's start".to_owned(), |ms| format!("{} ago", ago(ms)));
    line(text, view, "Told last", &told);
    if let Some(why) = &recipient.trouble {
        line(text, view, "Trouble", &clean(why));
        line(text, view, "", crate::alerts::send::remedy(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::live::words;

    #[test]
    fn a_recipient_that_fails_is_told_with_its_remedy() {
        let recipient = RecipientView {
            name: "office".into(),
            by: "mail".into(),
            state: RecipientIs::Failing,
            urgent_waiting: 2,
            routine_waiting: 5,
            told_ago_ms: None,
            failing_ms: Some(3 * 3_600_000),
            trouble: Some("mail.example.com port 465: it does not let us in: 535\u{1b}[31m".into()),
        };
        let paint = words::Paint { colour: false, ascii: true };
        let zone = words::zone(Some("UTC"));
        let view = View { paint, zone, age_ms: 60_000, columns: 120 };
        let mut text = String::new();
        whole(&mut text, &recipient, &view);
        assert!(text.starts_with("office (mail)\n") && !text.contains('\u{1b}'), "{text}");
        for words in
            ["CANNOT BE TOLD, for 3 h 01 min; 2 urgent wait", "5 wait for it", "a password made for this program"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let mut brief = String::new();
        lines(&mut brief, &AlertsView { recipients: vec![recipient.clone()] }, &view);
        assert!(brief.contains("office cannot be told, for 3 h 01 min"), "{brief}");
        brief.clear();
        let fine = RecipientView { state: RecipientIs::Fine, ..recipient };
        lines(&mut brief, &AlertsView { recipients: vec![fine] }, &view);
        assert_eq!(brief, "");
    }
}
