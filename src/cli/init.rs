//! `cabinetd init`: makes the cabinet's secrets, once.

use crate::io::credentials::Credentials;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make the cabinet's secrets and print its one-time claim code.
///
/// Makes the pepper of all PINs and the key that signs the ledger. Never overwrites what exists.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 made; 1 they exist already or cannot be written; 2 wrong command line.")]
pub struct InitArgs {
    /// Where to put them [default: the config's credentials folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Makes them in `--dir` or else in `usual_dir`.
pub fn run(args: &InitArgs, usual_dir: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let dir = args.dir.as_deref().unwrap_or(usual_dir);
    let code = match Credentials::create(dir) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(err, "{error}");
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
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                err,
                "the secrets are made, but the claim code could not be printed ({error}): remove {} and run it again",
                dir.display()
            );
            ExitCode::from(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn init(dir: &Path, json: bool) -> (ExitCode, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&InitArgs { dir: None, json }, dir, &mut out, &mut err);
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
}
