//! What an account may not: one exit code, whichever door was shut.

use crate::cabinet::outcome::{Answer, Denial};
use crate::io::control::ClientError;
use crate::io::control::wire::ErrorCode;
use crate::io::store::StoreError;
use std::io::ErrorKind;

/// This account may not do that.
pub const NOT_PERMITTED: u8 = 5;

/// Whether the daemon did not listen to this account, or its role is too low.
pub const fn is_denial(error: &ClientError) -> bool {
    matches!(error, ClientError::NoPermission { .. } | ClientError::Refused { code: ErrorCode::RoleNeeded, .. })
}

/// Whether the core's answer is that the account's role is too low.
pub const fn is_of_the_role(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(Denial::RoleNeeded { .. }))
}

/// Whether this account may not read the ledger's file.
pub fn is_of_the_file(error: &StoreError) -> bool {
    matches!(error, StoreError::File { source, .. } if source.kind() == ErrorKind::PermissionDenied)
}
