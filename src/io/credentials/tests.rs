use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn made() -> (tempfile::TempDir, PathBuf, ClaimCode) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("credentials");
    let code = Credentials::create(&dir).unwrap();
    (home, dir, code)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_new_folder_is_closed_to_others_and_loads() {
    let (home, dir, _) = made();
    assert_eq!(mode(&dir), 0o700);
    for file in [PEPPER, DEVICE_KEY, CLAIM] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    let first = Credentials::load(&dir).unwrap();
    let second = Credentials::load(&dir).unwrap();
    assert_eq!(first.pepper_id(), second.pepper_id());
    assert_eq!(first.device_key.to_bytes(), second.device_key.to_bytes());
    assert_ne!(first.pepper.0, [0; 32]);
    assert_ne!(first.pepper.0, first.device_key.to_bytes());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no draft stays behind");
}

#[test]
fn two_cabinets_share_no_secret() {
    let (_one, first, code_1) = made();
    let (_two, second, code_2) = made();
    let (first, second) = (Credentials::load(&first).unwrap(), Credentials::load(&second).unwrap());
    assert_ne!(first.pepper_id(), second.pepper_id());
    assert_ne!(first.device_key.to_bytes(), second.device_key.to_bytes());
    assert_ne!(code_1.expose(), code_2.expose());
}

#[test]
fn what_exists_is_never_made_anew() {
    let (_home, dir, _) = made();
    let before = fs::read(dir.join(PEPPER)).unwrap();
    assert!(matches!(Credentials::create(&dir), Err(CredentialsError::Exist(_))));
    fs::remove_file(dir.join(DEVICE_KEY)).unwrap();
    assert!(matches!(Credentials::create(&dir), Err(CredentialsError::Exist(_))), "not even what is half there");
    assert_eq!(fs::read(dir.join(PEPPER)).unwrap(), before);
    let refusal = Credentials::load(&dir).unwrap_err().to_string();
    assert!(refusal.contains("device-key is missing") && refusal.contains("Restore"), "{refusal}");
}

#[test]
fn an_empty_folder_made_by_a_package_is_filled() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("credentials");
    fs::create_dir(&dir).unwrap();
    Credentials::create(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    Credentials::load(&dir).unwrap();
}

#[test]
fn missing_credentials_name_both_remedies() {
    let home = tempfile::tempdir().unwrap();
    let refusal = Credentials::load(&home.path().join("nothing")).unwrap_err().to_string();
    assert!(refusal.contains("cabinetd init") && refusal.contains("backup"), "{refusal}");
}

#[test]
fn files_that_others_may_read_are_refused_with_the_command_that_helps() {
    let (_home, dir, _) = made();
    let pepper = dir.join(PEPPER);
    for (bits, own, service) in [(0o640, false, true), (0o604, false, false), (0o400, true, true), (0o600, true, true)]
    {
        fs::set_permissions(&pepper, fs::Permissions::from_mode(bits)).unwrap();
        assert_eq!(Credentials::load(&dir).is_ok(), own, "{bits:o}");
        assert_eq!(Credentials::read(&dir, 0o007).is_ok(), service, "{bits:o}");
    }
    fs::set_permissions(&pepper, fs::Permissions::from_mode(0o644)).unwrap();
    let refusal = Credentials::load(&dir).unwrap_err().to_string();
    assert!(refusal.contains(&format!("chmod 0600 {}", pepper.display())), "{refusal}");
    fs::set_permissions(&pepper, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let refusal = Credentials::load(&dir).unwrap_err().to_string();
    assert!(refusal.contains(&format!("chmod 0700 {}", dir.display())), "{refusal}");
}

#[test]
fn without_a_claim_everything_else_is_there() {
    let (_home, dir, code) = made();
    for text in [None, Some("none")] {
        match text {
            None => std::fs::remove_file(dir.join("claim")).unwrap(),
            Some(text) => {
                std::fs::write(dir.join("claim"), text).unwrap();
                std::fs::set_permissions(dir.join("claim"), std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let loaded = Credentials::load(&dir).unwrap();
        assert_eq!(loaded.verify_once(&dir, code.expose()).unwrap(), Claim::Wrong, "{text:?}");
    }
}

#[test]
fn damaged_files_are_named_and_their_content_is_not() {
    let (_home, dir, _) = made();
    for content in [&b""[..], b"4242", &[0xff; 65], &[b'4'; 5_000]] {
        fs::write(dir.join(PEPPER), content).unwrap();
        let refusal = Credentials::load(&dir).unwrap_err();
        assert!(matches!(refusal, CredentialsError::Damaged(_)));
        assert!(!refusal.to_string().contains("4242"));
    }
}

#[test]
fn the_claim_code_counts_once_however_it_is_typed() {
    let (home, dir, code) = made();
    let credentials = Credentials::load(&dir).unwrap();
    let state = home.path();
    let sloppy = format!(" {} ", code.expose().to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
    assert_eq!(credentials.verify_once(state, "0000-0000-0000").unwrap(), Claim::Wrong);
    assert_eq!(credentials.verify_once(state, "").unwrap(), Claim::Wrong);
    assert_eq!(credentials.verify_once(state, &sloppy).unwrap(), Claim::Accepted);
    assert_eq!(credentials.verify_once(state, &sloppy).unwrap(), Claim::Used);
    assert_eq!(
        Credentials::load(&dir).unwrap().verify_once(state, code.expose()).unwrap(),
        Claim::Used,
        "after a restart"
    );
    assert!(!fs::read_to_string(dir.join(CLAIM)).unwrap().contains(code.expose()));
}

#[test]
fn a_claim_that_cannot_be_marked_is_not_accepted() {
    let (home, dir, code) = made();
    let credentials = Credentials::load(&dir).unwrap();
    assert!(credentials.verify_once(&home.path().join("no-such-folder"), code.expose()).is_err());
    assert_eq!(credentials.verify_once(home.path(), code.expose()).unwrap(), Claim::Accepted);
}

#[test]
fn nothing_secret_prints() {
    let (_home, dir, code) = made();
    let credentials = Credentials::load(&dir).unwrap();
    let printed = format!("{credentials:?} {:?} {code:?}", credentials.pepper);
    assert!(!printed.contains(code.expose()));
    assert!(
        !printed.contains(&hex(&credentials.pepper.0)) && !printed.contains(&hex(&credentials.device_key.to_bytes()))
    );
}

#[test]
fn another_pepper_is_refused_while_hashes_exist() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    fs::create_dir(&state).unwrap();
    let made = |name: &str| {
        let dir = home.path().join(name);
        Credentials::create(&dir).unwrap();
        Credentials::load(&dir).unwrap()
    };
    let (one, other) = (made("one"), made("other"));
    one.go_with(&state, false).expect("a new cabinet");
    one.go_with(&state, true).expect("the same pepper");
    let refused = other.go_with(&state, true).unwrap_err();
    assert!(matches!(refused, CredentialsError::OtherPepper { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("restore") && text.contains("pepper-id") && text.contains("cabinetd user pin"), "{text}");
    assert!(!text.contains(&one.pepper_id()) && !text.contains(&other.pepper_id()), "{text}");
    one.go_with(&state, true).expect("nothing was changed by the refusal");

    other.go_with(&state, false).expect("no hash hangs on the old one");
    one.go_with(&state, true).unwrap_err();
    fs::remove_file(state.join("pepper-id")).unwrap();
    one.go_with(&state, true).expect("the remedy works");
}

fn write_password(dir: &Path, content: &[u8], mode: u32) {
    let path = dir.join(UPSD_PASSWORD);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_password_for_upsd_is_optional_closed_to_others_and_does_not_print() {
    let (_home, dir, _) = made();
    assert_eq!(Credentials::load(&dir).unwrap().upsd_password, None, "`init` makes none");
    for (content, expected) in
        [("s3cret\n", "s3cret"), ("no end of line", "no end of line"), (" \"a\" #b\\ \n", " \"a\" #b\\ ")]
    {
        write_password(&dir, content.as_bytes(), 0o600);
        let loaded = Credentials::load(&dir).unwrap();
        assert_eq!(loaded.upsd_password.as_ref().map(UpsdPassword::expose), Some(expected));
        let printed = format!("{loaded:?} {:?}", loaded.upsd_password);
        assert!(!printed.contains(expected), "{printed}");
    }
    write_password(&dir, b"s3cret\n", 0o640);
    let refusal = Credentials::load(&dir).unwrap_err().to_string();
    assert!(refusal.contains("chmod 0600") && refusal.contains("upsd_password"), "{refusal}");
    Credentials::read(&dir, 0o007).expect("the service's own access list looks like that");
}

#[test]
fn what_is_no_password_is_named_and_not_repeated() {
    let (_home, dir, _) = made();
    for content in
        [&b""[..], b"\n", b"two\nlines\n", b"tab\there", "Jäger".as_bytes(), b"4242\xff", &[b'4'; 257], &[b'4'; 5_000]]
    {
        write_password(&dir, content, 0o600);
        let refusal = Credentials::load(&dir).unwrap_err();
        assert!(matches!(refusal, CredentialsError::NoPassword(_)), "{refusal}");
        let text = refusal.to_string();
        assert!(text.contains("upsd.users") && !text.contains("4242") && !text.contains("lines"), "{text}");
    }
}
