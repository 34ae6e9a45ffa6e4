//! Who is at the other end: uid from the kernel, name and groups from the system's account database, role from the config.
//!
//! Root and the daemon's own account are admins whatever the config says: both could read and write the database anyway.
//! The look-up may ask a network directory: it blocks, so it runs apart from the event loop, and under a deadline.

use crate::cabinet::types::{Actor, Role};
use std::sync::Arc;

/// An account of the operating system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub uid: u32,
    pub name: Arc<str>,
    /// The highest role that one of its groups stands for.
    pub role: Option<Role>,
}

impl Account {
    /// As the actor of a record.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Account { uid: self.uid, name: Arc::clone(&self.name) }
    }
}

/// Whether the account is root or the daemon's own.
#[must_use]
pub fn is_own(uid: u32) -> bool {
    uid == 0 || uid == uzers::get_effective_uid()
}

/// The account of a peer with these ids. Blocks.
#[must_use]
pub fn look_up(uid: u32, gid: u32, accounts: &[(String, Role)]) -> Account {
    let user = uzers::get_user_by_uid(uid);
    let name: Arc<str> = match &user {
        Some(user) => user.name().to_string_lossy().into(),
        None => format!("uid {uid}").into(),
    };
    if is_own(uid) {
        return Account { uid, name, role: Some(Role::Admin) };
    }
    if accounts.is_empty() {
        return Account { uid, name, role: None };
    }
    // The group in force at the other end (`newgrp`) counts as well as those in the database.
    let mut groups: Vec<uzers::Group> = uzers::get_group_by_gid(gid).into_iter().collect();
    if let Some(user) = &user {
        groups.extend(uzers::get_user_groups(user.name(), user.primary_group_id()).unwrap_or_default());
    }
    let names: Vec<_> = groups.iter().map(|group| group.name().to_string_lossy()).collect();
    Account { uid, name, role: highest(accounts, |group| names.iter().any(|name| name == group)) }
}

/// The highest role among the groups that somebody is in.
fn highest(accounts: &[(String, Role)], is_in: impl Fn(&str) -> bool) -> Option<Role> {
    accounts.iter().filter(|(group, _)| is_in(group)).map(|(_, role)| *role).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Vec<(String, Role)> {
        let pairs = [("daemon", Role::Staff), ("keys-managers", Role::Manager), ("nogroup", Role::Assistant)];
        pairs.map(|(group, role)| (group.to_owned(), role)).into()
    }

    #[test]
    fn the_highest_of_several_roles_counts() {
        let in_all = highest(&accounts(), |_| true);
        assert_eq!(in_all, Some(Role::Manager));
        assert_eq!(highest(&accounts(), |group| group == "daemon"), Some(Role::Staff));
        assert_eq!(highest(&accounts(), |_| false), None);
    }

    #[test]
    fn root_and_the_own_account_are_admins() {
        assert_eq!(look_up(0, 0, &[]).role, Some(Role::Admin));
        let own = uzers::get_effective_uid();
        assert_eq!(look_up(own, own, &[]).role, Some(Role::Admin));
    }

    #[test]
    fn others_are_what_their_groups_are() {
        // uid 1 is `daemon` with the group `daemon` on every Debian and Fedora.
        let daemon = look_up(1, 1, &accounts());
        assert_eq!((&*daemon.name, daemon.role), ("daemon", Some(Role::Staff)));
        assert_eq!(look_up(1, 1, &[]).role, None);
        let stranger = look_up(4_000_000_000, 4_000_000_000, &accounts());
        assert_eq!((&*stranger.name, stranger.role), ("uid 4000000000", None));
    }
}
