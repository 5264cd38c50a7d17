//! Each test in namespaces of its own, by running itself again.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Set in the inner run; its value names the test's JACK server.
const INNER: &str = "HEADROOM_E2E_INNER";

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Run `test` in private mount, network, process and IPC namespaces, for two minutes at most.
///
/// # Panics
/// When the test fails, and with `CI=true` also when there is no jackd or no namespace; elsewhere it is then
/// skipped with a loud line, or run without isolation.
pub fn isolated<F: FnOnce()>(test: F) {
    isolated_for(Duration::from_secs(120), test);
}

/// [`isolated`] with another time limit.
///
/// # Panics
/// As [`isolated`].
pub fn isolated_for<F: FnOnce()>(limit: Duration, test: F) {
    run_again(limit, true, test);
}

/// Run `test` in namespaces as [`isolated`], without JACK, and only there: it may give the loopback other addresses.
///
/// # Panics
/// When the test fails, and with `CI=true` also when this machine allows no namespaces; elsewhere it is then
/// skipped with a loud line.
pub fn apart<F: FnOnce()>(test: F) {
    run_again(Duration::from_secs(120), false, test);
}

fn run_again<F: FnOnce()>(limit: Duration, jack: bool, test: F) {
    if std::env::var_os(INNER).is_some() {
        // Seen when the test fails.
        tracing_subscriber::fmt().with_env_filter("headroom=debug").with_writer(std::io::stderr).init();
        return test();
    }
    let ci = crate::needs::is_ci();
    if jack && !crate::jackd::is_installed() {
        assert!(!ci, "jackd is not installed: scripts/install.sh test");
        eprintln!("\n**** SKIPPED, jackd is not installed: scripts/install.sh test ****\n");
        return;
    }
    let name = test_name::<F>();
    let server = format!("headroom-{}-{}", std::process::id(), name.replace(':', "-"));
    let run = |mut command: Command| {
        let test = std::env::current_exe().expect("the path of this test");
        command.arg(test).args(["--exact", &name, "--nocapture", "--test-threads=1", "--include-ignored"]);
        command.env(INNER, "1").env("JACK_DEFAULT_SERVER", &server).env("JACK_NO_START_SERVER", "1");
        command.env("JACK_NO_AUDIO_RESERVATION", "1");
        let output = command.output().expect("the test can be run again");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let mut isolate = Command::new(root().join("scripts/isolate.sh"));
    isolate.arg("-t").arg(limit.as_secs().to_string());
    let (mut code, mut text) = run(isolate);
    if code == Some(125) {
        assert!(!ci, "this machine allows no namespaces: {text}");
        if !jack {
            eprintln!("\n**** SKIPPED, this machine allows no namespaces ****\n");
            return;
        }
        eprintln!("\n**** NOT ISOLATED, this machine allows no namespaces ****\n");
        let mut bare = Command::new("timeout");
        bare.args(["-s", "KILL", &limit.as_secs().to_string()]);
        (code, text) = run(bare);
    }
    match code {
        Some(0) => {
            assert!(text.contains("1 passed"), "the inner run found no test {name}:\n{text}");
            print!("{text}");
        }
        Some(137) | None => panic!("{name} was not done within {limit:?}:\n{text}"),
        Some(code) => panic!("{name} failed with {code}:\n{text}"),
    }
}

/// The test's name for the test runner, from the type of its closure: `binary::module::name::{{closure}}`.
fn test_name<F>() -> String {
    let path = std::any::type_name::<F>();
    let path = path.strip_suffix("::{{closure}}").unwrap_or(path);
    path.split_once("::").map_or(path, |(_, rest)| rest).to_owned()
}
