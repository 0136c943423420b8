//! What the command lines print: the help of every command, main answers, and the errors for bad input.
//!
//! After a change: `TRYCMD=overwrite cargo test -p assize-cli -p assize-lab --test snapshots`, then read the difference.

use std::path::Path;

#[test]
fn help_answers_and_errors_are_as_committed() {
    // Settings of the developer's environment would change the output.
    for name in [
        "AWS_KMS_KEY",
        "CONFIG",
        "COORDINATOR",
        "DATA",
        "DATABASE",
        "DEPLOYMENT",
        "KEYSTORE",
        "OPERATOR",
        "PRIVATE_KEY",
        "RPC_URL",
        "STORE",
    ] {
        let name = format!("ASSIZE_{name}");
        assert!(std::env::var_os(&name).is_none(), "unset {name} for this test");
    }

    let directory = match env!("CARGO_PKG_NAME") {
        "assize-lab" => "../../tests/cli/lab",
        _ => "../../tests/cli",
    };
    let cases = trycmd::TestCases::new();
    cases.case(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(directory)
            .join("*.trycmd"),
    );
}
