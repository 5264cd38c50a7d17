//! A JACK client that the end-to-end tests play and record with.

fn main() -> std::process::ExitCode {
    headroom_e2e::peer_main()
}
