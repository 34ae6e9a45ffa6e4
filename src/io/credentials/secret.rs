//! A password or key of the config's own naming: for a mail server, for signing what goes to a webhook.

use super::{CredentialsError, forbidden_in, read_text};
use std::fmt;
use std::path::Path;

/// What the drop-in hands over for a file that is not there: a unit names its credentials, and does not start without one of them.
const NOT_THERE: &str = "none";

/// One line of 1 to 256 printable ASCII characters. Never printed.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// The one of this name in a credentials folder, ours or systemd's for this service.
    ///
    /// # Errors
    /// It is missing, readable by others, or not one such line.
    pub fn read(dir: &Path, name: &str) -> Result<Self, CredentialsError> {
        let path = dir.join(name);
        let text = match read_text(&path, forbidden_in(dir)) {
            Err(CredentialsError::Missing(path)) => return Err(CredentialsError::SecretMissing(path)),
            Err(CredentialsError::Damaged(path)) => return Err(CredentialsError::NoSecret(path)),
            text => text?,
        };
        let line = text.trim_end_matches(['\n', '\r']);
        if line == NOT_THERE {
            return Err(CredentialsError::SecretMissing(path));
        }
        if !(1..=256).contains(&line.len()) || !line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(CredentialsError::NoSecret(path));
        }
        Ok(Self(line.to_owned()))
    }

    /// The secret, for its own use alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_one_line_that_nobody_else_reads() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |text: &str, mode| {
            let path = dir.path().join("mail_password");
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            Secret::read(dir.path(), "mail_password")
        };
        assert_eq!(write("abcd efgh ijkl\n", 0o600).expect("it is one").expose(), "abcd efgh ijkl");
        assert!(matches!(write("abcd", 0o644), Err(CredentialsError::Exposed { .. })));
        for wrong in ["", "\n", "two\nlines\n", "schlüssel"] {
            let error = write(wrong, 0o600).expect_err("it is none");
            assert!(matches!(error, CredentialsError::NoSecret(_)), "{error}");
        }
        assert!(matches!(write("none\n", 0o600), Err(CredentialsError::SecretMissing(_))));
        let missing = Secret::read(dir.path(), "other").expect_err("it is not there").to_string();
        assert!(missing.contains("other is missing; write"), "{missing}");
        assert_eq!(format!("{:?}", write("abcd", 0o600)), "Ok(Secret(…))");
    }
}
