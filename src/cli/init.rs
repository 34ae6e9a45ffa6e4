//! `cabinetd init`: makes the cabinet's secrets, once.

use crate::io::credentials::{Credentials, CredentialsError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make the cabinet's secrets and print its one-time claim code.
///
/// Makes the pepper of all PINs and the key that signs the ledger. Never overwrites what exists. Where the secrets were lost and the
/// ledger has PINs, it says what is to be done besides.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 made; 1 they exist already or cannot be written; 2 wrong command line.")]
pub struct InitArgs {
    /// Where to put them [default: the config's credentials folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Make only the device key, in a folder that has the pepper and lost the key
    #[arg(long)]
    pub device_key: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Makes them in `--dir` or else in `usual_dir`. `state_dir`: where the ledger that they are for may be.
pub fn run(args: &InitArgs, usual_dir: &Path, state_dir: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let dir = args.dir.as_deref().unwrap_or(usual_dir);
    if args.device_key {
        return device_key(args, dir, out, err);
    }
    let code = match Credentials::create(dir) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(err, "cabinetd: {error}");
            return ExitCode::from(1);
        }
    };
    let told = if args.json {
        writeln!(out, "{}", serde_json::json!({ "ok": true, "dir": dir, "claim_code": code.expose() }))
    } else {
        writeln!(
            out,
            "The secrets of this cabinet are in {}.\n\n\
             Back up this folder now, apart from the database, and keep the copy locked away. Without it no PIN works any more and\n\
             everybody needs a new one; with it and the database, PINs can be guessed.\n\n\
             Claim code, shown this once, for the first login on a web page that a later version brings; keep it:\n\n    {}\n",
            dir.display(),
            code.expose()
        )
    };
    // Whoever starts over knows now what the daemon would say at its start.
    let fits = Credentials::load(dir).and_then(|credentials| credentials.goes_with(state_dir, true));
    if let Err(why @ CredentialsError::OtherPepper { .. }) = fits {
        let _ = writeln!(err, "cabinetd: {why}");
    }
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                err,
                "cabinetd: the secrets are made, but the claim code could not be printed ({error}): remove {} and run it again",
                dir.display()
            );
            ExitCode::from(1)
        }
    }
}

fn device_key(args: &InitArgs, dir: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if let Err(error) = Credentials::make_device_key(dir) {
        let _ = writeln!(err, "cabinetd: {error}");
        return ExitCode::from(1);
    }
    let told = if args.json {
        writeln!(out, "{}", serde_json::json!({ "ok": true, "dir": dir }))
    } else {
        writeln!(
            out,
            "A new device key is in {}; every PIN stays. Back up the folder now, and start the daemon (`systemctl start cabinetd`).\n\
             Heads of the ledger that were signed before are by the old key: tell whoever keeps them.\n\
             Upstream must be told the new one (`cabinetd roster device-key`) before it takes records again, and rosters must be signed for it.",
            dir.display()
        )
    };
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_of(dir: &Path) -> &Path {
        dir.parent().expect("a folder in a folder")
    }

    fn init(dir: &Path, json: bool) -> (ExitCode, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&InitArgs { dir: None, device_key: false, json }, dir, home_of(dir), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_code_is_printed_once_and_works() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("credentials");
        let (code, out, _) = init(&dir, true);
        assert_eq!(code, ExitCode::SUCCESS);
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        let claim = Credentials::load(&dir).unwrap().verify_once(home.path(), told["claim_code"].as_str().unwrap());
        assert_eq!(claim.unwrap(), crate::io::credentials::Claim::Accepted);

        let (code, out, err) = init(&dir, false);
        assert_eq!((code, out.as_str()), (ExitCode::from(1), ""));
        assert!(err.contains("already exists"), "{err}");
    }

    #[test]
    fn it_says_what_to_back_up() {
        let home = tempfile::tempdir().unwrap();
        let (_, out, _) = init(&home.path().join("c"), false);
        assert!(out.contains("Back up this folder now") && out.contains("Claim code"), "{out}");
    }

    #[test]
    fn a_lost_device_key_is_made_beside_the_pepper_which_stays() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("c");
        init(&dir, false);
        let before = Credentials::load(&dir).unwrap();
        let make = || {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let args = InitArgs { dir: None, device_key: true, json: false };
            let code = run(&args, &dir, home.path(), &mut out, &mut err);
            (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        let (code, _, err) = make();
        assert_eq!(code, ExitCode::from(1), "it is there");
        assert!(err.contains("already exists"), "{err}");

        std::fs::remove_file(dir.join("device-key")).unwrap();
        let lost = Credentials::load(&dir).expect_err("it is gone").to_string();
        assert!(lost.contains("`cabinetd init --device-key`"), "{lost}");
        let (code, out, err) = make();
        assert_eq!(code, ExitCode::SUCCESS, "{err}");
        assert!(out.contains("every PIN stays"), "{out}");
        let after = Credentials::load(&dir).unwrap();
        assert_eq!(after.pepper_id(), before.pepper_id());
        assert_ne!(after.device_key.to_bytes(), before.device_key.to_bytes());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 3, "no draft is left");

        std::fs::remove_file(dir.join("pepper")).unwrap();
        std::fs::remove_file(dir.join("device-key")).unwrap();
        assert_eq!(make().0, ExitCode::from(1), "without a pepper there is nothing to keep");
    }

    #[test]
    fn who_starts_over_with_pins_in_the_ledger_is_told_what_else_is_to_be_done() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("c");
        let (_, _, err) = init(&dir, false);
        assert_eq!(err, "");
        Credentials::load(&dir).unwrap().go_with(home.path(), true).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let (code, _, err) = init(&dir, false);
        assert_eq!(code, ExitCode::SUCCESS);
        let mark = home.path().join("pepper-id");
        assert!(err.contains(&format!("remove {} (`sudo rm`), start the daemon again", mark.display())), "{err}");
        assert!(err.contains("`cabinetd user pin USER`; duress PINs as well"), "{err}");
    }
}
