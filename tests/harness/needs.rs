//! Programs that others wrote and that some tests need.

/// Whether continuous integration runs the tests: there, what is missing fails them.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true" || v == "1")
}

/// Whether a foreign program is here; where it is not, a loud line says that the test is skipped.
///
/// # Panics
/// With `CI=true`, when it is missing.
pub fn here(what: &str, there: bool) -> bool {
    assert!(there || !is_ci(), "{what} is missing: scripts/install.sh test");
    if !there {
        eprintln!("\n**** SKIPPED, {what} is missing: scripts/install.sh test ****\n");
    }
    there
}

/// Whether a program of this name can be started.
pub fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
