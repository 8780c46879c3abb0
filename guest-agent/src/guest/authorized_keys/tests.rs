//! Links, owners and contents of `~/.ssh`.

use super::*;
use crate::failure::Failure;

fn guest() -> (tempfile::TempDir, Paths, User) {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::new(root.path());
    let user = User {
        name: "me".to_owned(),
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        home: "/home/me".to_owned(),
        keys: AuthorizedKeys::default(),
    };
    std::fs::create_dir_all(paths.at("/home/me")).unwrap();
    (root, paths, user)
}

#[test]
fn lines_are_added_to_what_is_there() {
    let (_root, paths, user) = guest();
    assert_eq!(observe(&paths, &user).unwrap(), AuthorizedKeys::default());
    add(&paths, &user, &["ssh-ed25519 A one".to_owned()]).unwrap();
    let file = paths.at("/home/me/.ssh/authorized_keys");
    std::fs::write(&file, "ssh-ed25519 A one\nssh-rsa B theirs").unwrap();
    add(&paths, &user, &["ssh-rsa C two".to_owned()]).unwrap();
    let seen = observe(&paths, &user).unwrap();
    assert!(seen.is_private);
    assert_eq!(
        seen.lines,
        ["ssh-ed25519 A one", "ssh-rsa B theirs", "ssh-rsa C two"]
    );
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(!observe(&paths, &user).unwrap().is_private);
}

#[test]
fn links_of_the_user_are_not_followed() {
    let (root, paths, user) = guest();
    let elsewhere = root.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, paths.at("/home/me/.ssh")).unwrap();
    for error in [
        add(&paths, &user, &["ssh-rsa C".to_owned()]).unwrap_err(),
        observe(&paths, &user).unwrap_err(),
    ] {
        assert!(
            matches!(error, GuestError::KeysBehindLink { .. }),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("/home/me/.ssh is a symbolic link"),
            "{error}"
        );
    }
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    std::fs::remove_file(paths.at("/home/me/.ssh")).unwrap();
    std::fs::create_dir(paths.at("/home/me/.ssh")).unwrap();
    let file = paths.at("/home/me/.ssh/authorized_keys");
    std::os::unix::fs::symlink(elsewhere.join("keys"), file).unwrap();
    let error = add(&paths, &user, &["ssh-rsa C".to_owned()]).unwrap_err();
    assert!(
        matches!(error, GuestError::KeysBehindLink { .. }),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

/// Neither read nor written, and said how to mend.
fn assert_of_another(paths: &Paths, user: &User, below_home: &str) {
    let path = paths.at("/home/me").join(below_home);
    for error in [
        observe(paths, user).unwrap_err(),
        add(paths, user, &["ssh-rsa C".to_owned()]).unwrap_err(),
    ] {
        assert!(matches!(error, GuestError::KeysOfAnother { .. }), "{error}");
        let mend = format!("chown me: {}", path.display());
        assert!(error.hint().unwrap().contains(&mend), "{:?}", error.hint());
    }
}

#[test]
fn a_folder_of_another_that_was_renamed_in_stays_theirs() {
    let (_root, paths, user) = guest();
    let folder = paths.at("/home/me/.ssh");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("authorized_keys"), "theirs\n").unwrap();
    let other = User {
        uid: user.uid + 1,
        ..user
    };
    let before = std::fs::metadata(&folder).unwrap();
    assert_of_another(&paths, &other, ".ssh");
    let after = std::fs::metadata(&folder).unwrap();
    assert_eq!(
        (after.uid(), after.mode(), after.ctime_nsec()),
        (before.uid(), before.mode(), before.ctime_nsec())
    );
}

#[test]
fn a_file_of_another_that_was_renamed_in_stays_theirs() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("only root can make a folder that is someone else's");
        return;
    }
    let (_root, paths, user) = guest();
    let user = User {
        uid: 65534,
        gid: 65534,
        ..user
    };
    let folder = paths.at("/home/me/.ssh");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid)).unwrap();
    let file = folder.join("authorized_keys");
    std::fs::write(&file, "secret of root\n").unwrap();
    assert_of_another(&paths, &user, ".ssh/authorized_keys");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret of root\n");
    assert_eq!(std::fs::metadata(&file).unwrap().uid(), 0);
    // A new folder and a new file are the user's.
    std::fs::remove_dir_all(&folder).unwrap();
    add(&paths, &user, &["ssh-rsa C".to_owned()]).unwrap();
    for path in [&folder, &file] {
        assert_eq!(std::fs::metadata(path).unwrap().uid(), user.uid);
    }
    assert!(observe(&paths, &user).unwrap().is_private);
}

#[test]
fn a_folder_that_a_cut_off_run_left_is_no_obstacle() {
    let (_root, paths, user) = guest();
    std::fs::create_dir(paths.at("/home/me").join(NEW_FOLDER)).unwrap();
    add(&paths, &user, &["ssh-rsa C".to_owned()]).unwrap();
    assert!(observe(&paths, &user).unwrap().is_private);
    assert!(!paths.at("/home/me").join(NEW_FOLDER).exists());
    // One that holds something is someone's, and is not given away.
    let (_root, paths, user) = guest();
    let folder = paths.at("/home/me").join(NEW_FOLDER);
    std::fs::create_dir_all(folder.join("theirs")).unwrap();
    assert!(add(&paths, &user, &["ssh-rsa C".to_owned()]).is_err());
    assert!(!is_new(&File::open(&folder).unwrap()).unwrap());
}

#[test]
fn bytes_that_are_no_utf8_are_kept() {
    let (_root, paths, user) = guest();
    add(&paths, &user, &["ssh-rsa A".to_owned()]).unwrap();
    let file = paths.at("/home/me/.ssh/authorized_keys");
    std::fs::write(&file, b"ssh-rsa A J\xfcrgen\nssh-rsa B").unwrap();
    assert_eq!(observe(&paths, &user).unwrap().lines[1], "ssh-rsa B");
    add(&paths, &user, &["ssh-rsa C".to_owned()]).unwrap();
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"ssh-rsa A J\xfcrgen\nssh-rsa B\nssh-rsa C\n"
    );
}

#[test]
fn what_is_too_long_or_no_file_is_not_cut_nor_taken_for_empty() {
    let (_root, paths, user) = guest();
    add(&paths, &user, &["ssh-rsa A".to_owned()]).unwrap();
    let file = paths.at("/home/me/.ssh/authorized_keys");
    let length = LIMIT_BYTES + 1;
    File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(length)
        .unwrap();
    let taken = observe(&paths, &user);
    assert!(matches!(
        taken,
        Err(GuestError::File(FileError::TooLarge { .. }))
    ));
    let added = add(&paths, &user, &["ssh-rsa C".to_owned()]);
    assert!(matches!(
        added,
        Err(GuestError::File(FileError::TooLarge { .. }))
    ));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), length);
    std::fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, Mode::S_IRWXU).unwrap();
    let taken = observe(&paths, &user);
    assert!(matches!(
        taken,
        Err(GuestError::File(FileError::NotAFile { .. }))
    ));
}
