//! `--format`: the output formats.

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::output;

/// The format of a single result.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// Output format.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl FormatArgs {
    /// Prints the value as JSON, or the text.
    ///
    /// # Errors
    /// Writing to stdout fails.
    pub fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> eyre::Result<()> {
        match self.format {
            Format::Json => output::json_pretty(value),
            Format::Table => output::line(text()),
        }
    }

    /// Whether the format is JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }
}

/// The format of a list of rows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RowsFormatArgs {
    /// Output format.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = RowsFormat::Table)]
    pub format: RowsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsFormat {
    Table,
    Json,
    Csv,
}
