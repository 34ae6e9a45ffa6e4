//! See `cabinetd::cli`.

fn main() -> std::process::ExitCode {
    cabinetd::cli::main()
}
