//! Opens the key that the arguments or the environment name.

use std::env::VarError;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use assize_keys::{LedgerPath, PASSWORD_VARIABLE, Signer};
use assize_service::SecretFile;
use eyre::{WrapErr, bail, ensure};

use crate::args::inclusion::INCLUSION_VARIABLE;
use crate::args::key::{KEYSTORE_VARIABLE, KMS_VARIABLE};
use crate::args::{InclusionArgs, KeyArgs};
use crate::variable::variable;

const PASSWORD_FILE: SecretFile = SecretFile {
    name: "password file",
    risk: "open the keystore",
};

/// The key that signs: named by an argument, else named by a variable, else contained in a variable.
pub(crate) async fn signer(args: &KeyArgs) -> eyre::Result<Signer> {
    Ok(match place(args)? {
        Place::Keystore(path) => {
            let password = password(args.password_file.as_deref(), &path, "--password-file")?;
            Signer::from_keystore(&path, &password)?
        }
        Place::Ledger(path) => Signer::from_ledger(path).await?,
        Place::AwsKms(key) => Signer::from_aws_kms(&key).await?,
        Place::Environment => Signer::from_environment()?,
    })
}

/// The key that pays for a station's own reports, if one is given: by an argument, else in a variable.
pub(crate) fn inclusion_signer(args: &InclusionArgs) -> eyre::Result<Option<Signer>> {
    if let Some(path) = &args.inclusion_keystore {
        ensure!(
            path.is_file(),
            "--inclusion-keystore {} is not a file",
            path.display()
        );
        let file = args.inclusion_password_file.as_deref();
        let password = password(file, path, "--inclusion-password-file")?;
        return Ok(Some(Signer::from_keystore(path, &password)?));
    }
    Ok(match variable(INCLUSION_VARIABLE) {
        Some(_) => Some(Signer::from_variable(INCLUSION_VARIABLE)?),
        None => None,
    })
}

enum Place<'a> {
    Keystore(PathBuf),
    Ledger(&'a LedgerPath),
    AwsKms(String),
    Environment,
}

fn place(args: &KeyArgs) -> eyre::Result<Place<'_>> {
    if let Some(path) = &args.keystore {
        return Ok(Place::Keystore(path.clone()));
    }
    if let Some(path) = &args.ledger {
        return Ok(Place::Ledger(path));
    }
    if let Some(key) = &args.aws_kms {
        return Ok(Place::AwsKms(key.clone()));
    }
    let place = match (variable(KEYSTORE_VARIABLE), variable(KMS_VARIABLE)) {
        (Some(_), Some(_)) => {
            bail!(
                "both {KEYSTORE_VARIABLE} and {KMS_VARIABLE} name a key; unset one, or give --keystore or --aws-kms"
            )
        }
        (Some(path), None) => Place::Keystore(path.into()),
        (None, Some(key)) => Place::AwsKms(key.to_string_lossy().into_owned()),
        (None, None) => Place::Environment,
    };
    ensure!(
        args.password_file.is_none() || matches!(place, Place::Keystore(_)),
        "--password-file is for a keystore; give it with --keystore or {KEYSTORE_VARIABLE}"
    );
    Ok(place)
}

/// Reads the password from the file that `flag` names, the environment or the terminal.
fn password(file: Option<&Path>, keystore: &Path, flag: &str) -> eyre::Result<String> {
    if let Some(file) = file {
        return Ok(PASSWORD_FILE.read_text(file)?);
    }
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => return Ok(password),
        Err(VarError::NotPresent) => {}
        Err(VarError::NotUnicode(_)) => bail!("{PASSWORD_VARIABLE} is not UTF-8"),
    }
    ensure!(
        io::stdin().is_terminal() && io::stderr().is_terminal(),
        "the keystore {} needs its password: give {flag}, or set {PASSWORD_VARIABLE}",
        keystore.display()
    );
    rpassword::prompt_password(format!("Password of {}: ", keystore.display()))
        .wrap_err_with(|| format!("failed to read the password from this terminal; give {flag}"))
}
