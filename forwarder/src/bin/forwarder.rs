//! The forwarder function's bootstrap.

fn main() -> std::process::ExitCode {
    aigw_forwarder::start::forwarder()
}
