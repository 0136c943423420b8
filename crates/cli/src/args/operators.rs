//! Operators named in a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assize_protocol::address::parse_operator;
use assize_protocol::{Address, plain_text};
use clap::Args;
use eyre::{WrapErr, ensure};

use crate::text_file::read_text;

/// Operators named in a file.
#[derive(Debug, Clone, Args)]
pub(crate) struct OperatorsFile {
    /// File of operators: one 0x or f410 address per line, comments after #.
    #[arg(long, value_name = "FILE")]
    operators: Option<PathBuf>,
}

impl OperatorsFile {
    /// The named operators and those in the file, without duplicates.
    pub(crate) fn with(&self, named: &[Address]) -> eyre::Result<Vec<Address>> {
        let mut all = named.to_vec();
        if let Some(path) = &self.operators {
            all.extend(read_operators(path)?);
        }
        let mut seen = BTreeSet::new();
        all.retain(|operator| seen.insert(*operator));
        ensure!(
            !all.is_empty(),
            "no operator given: name one, or a file of them with --operators FILE"
        );
        Ok(all)
    }
}

fn read_operators(path: &Path) -> eyre::Result<Vec<Address>> {
    let shown = path.display();
    let text = read_text("--operators", path)?;
    plain_text::expect_line_feeds(&text).wrap_err_with(|| format!("--operators {shown}"))?;
    let operators = plain_text::lines(&text).filter_map(|(number, line)| {
        let address = plain_text::trim(line.split('#').next().unwrap_or_default());
        let parsed = || parse_operator(address).wrap_err_with(|| format!("{shown}:{number}"));
        (!address.is_empty()).then(parsed)
    });
    let operators: Vec<Address> = operators.collect::<Result<_, _>>()?;
    ensure!(
        !operators.is_empty(),
        "{shown} lists no operator: write one address per line"
    );
    Ok(operators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_operators_are_read_line_by_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("operators.txt");
        let one = "0x999999cf1046e68e36E1aA2E0E07105eDDD1f08E";
        std::fs::write(
            &path,
            format!("# mine\n{one}\n\n  f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i # the same\n"),
        )
        .unwrap();
        let file = OperatorsFile {
            operators: Some(path.clone()),
        };
        let parsed: Address = one.parse().unwrap();
        assert_eq!(file.with(&[]).unwrap(), [parsed]);
        std::fs::write(&path, format!("{one}\n0x12\n")).unwrap();
        let error = format!("{:#}", file.with(&[]).unwrap_err());
        assert!(
            error.contains("operators.txt:2") && error.contains("0x12"),
            "{error}"
        );
        std::fs::write(&path, "# nobody\n").unwrap();
        assert!(
            file.with(&[])
                .unwrap_err()
                .to_string()
                .contains("lists no operator")
        );
    }
}
