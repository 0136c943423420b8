//! Parquet files with a few flat columns, written and read column by column.
//!
//! Pages are not compressed, so no codec has to be built; dictionaries keep the files small. Equal columns give equal
//! bytes.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescriptor, Type};

/// Rows per row group. Parallel readers take one group each.
const GROUP: usize = 1 << 20;
/// Written into each file as its author, instead of the library's name and version: updating the library must not
/// change the CIDs of a day's files.
const AUTHOR: &str = "assize-stats version 1";

/// A column to write.
pub(crate) struct Column<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its values, one per row.
    pub(crate) values: Values<'a>,
}

/// The values of a column. Those with [`Option`] may be null.
pub(crate) enum Values<'a> {
    /// UTF-8.
    Text(Vec<&'a str>),
    /// UTF-8 or null.
    OptionalText(Vec<Option<String>>),
    /// Unsigned 64-bit integers.
    Number(Vec<u64>),
    /// Unsigned 64-bit integers or null.
    OptionalNumber(Vec<Option<u64>>),
    /// 64-bit floating-point numbers or null.
    OptionalRate(Vec<Option<f64>>),
    /// Milliseconds since 1970 in UTC, or null.
    OptionalTime(Vec<Option<i64>>),
    /// True or false.
    Flag(Vec<bool>),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::OptionalText(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::OptionalNumber(values) => values.len(),
            Self::OptionalRate(values) => values.len(),
            Self::OptionalTime(values) => values.len(),
            Self::Flag(values) => values.len(),
        }
    }
}

/// Encodes the columns as a file. All must have the same number of values.
///
/// # Errors
/// [`ParquetError`], if the columns differ in length or the library fails.
pub(crate) fn write(columns: &[Column<'_>]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|column| column.field().map(Arc::new));
    let schema = Type::group_type_builder("schema")
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()?;
    let properties = WriterProperties::builder()
        .set_created_by(AUTHOR.to_owned())
        .build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::new(properties))?;
    let rows = columns.first().map_or(0, |column| column.values.len());
    for start in (0..rows).step_by(GROUP) {
        let mut group = writer.next_row_group()?;
        for column in columns {
            column.write(&mut group, start)?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(file)
}

impl Column<'_> {
    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical, converted) = match self.values {
            Values::Text(_) | Values::OptionalText(_) => (
                Physical::BYTE_ARRAY,
                Some(LogicalType::String),
                ConvertedType::UTF8,
            ),
            Values::Number(_) | Values::OptionalNumber(_) => (
                Physical::INT64,
                Some(LogicalType::integer(64, false)),
                ConvertedType::UINT_64,
            ),
            Values::OptionalRate(_) => (Physical::DOUBLE, None, ConvertedType::NONE),
            Values::OptionalTime(_) => (
                Physical::INT64,
                Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
                ConvertedType::TIMESTAMP_MILLIS,
            ),
            Values::Flag(_) => (Physical::BOOLEAN, None, ConvertedType::NONE),
        };
        let repetition = match self.values {
            Values::Text(_) | Values::Number(_) | Values::Flag(_) => Repetition::REQUIRED,
            _ => Repetition::OPTIONAL,
        };
        Type::primitive_type_builder(self.name, physical)
            .with_logical_type(logical)
            .with_converted_type(converted)
            .with_repetition(repetition)
            .build()
    }

    /// Writes the values of the row group that starts at row `start`.
    fn write(
        &self,
        group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
        start: usize,
    ) -> Result<(), ParquetError> {
        match &self.values {
            Values::Text(values) => {
                let values = part(values, start).iter().map(|text| ByteArray::from(*text));
                append::<ByteArrayType>(group, &values.collect::<Vec<_>>(), None)
            }
            Values::OptionalText(values) => {
                let (values, present) = split(part(values, start), |text| ByteArray::from(text.as_str()));
                append::<ByteArrayType>(group, &values, Some(&present))
            }
            Values::Number(values) => {
                let values = part(values, start).iter().map(|number| number.cast_signed());
                append::<Int64Type>(group, &values.collect::<Vec<_>>(), None)
            }
            Values::OptionalNumber(values) => {
                let (values, present) = split(part(values, start), |number| number.cast_signed());
                append::<Int64Type>(group, &values, Some(&present))
            }
            Values::OptionalRate(values) => {
                let (values, present) = split(part(values, start), |rate| *rate);
                append::<DoubleType>(group, &values, Some(&present))
            }
            Values::OptionalTime(values) => {
                let (values, present) = split(part(values, start), |millis| *millis);
                append::<Int64Type>(group, &values, Some(&present))
            }
            Values::Flag(values) => append::<BoolType>(group, part(values, start), None),
        }
    }
}

fn part<T>(values: &[T], start: usize) -> &[T] {
    let values = values.get(start..).unwrap_or_default();
    &values[..values.len().min(GROUP)]
}

/// The non-null values, and each row's definition level in Parquet: 1 with a value, 0 without.
fn split<T, V>(values: &[Option<T>], value: impl Fn(&T) -> V) -> (Vec<V>, Vec<i16>) {
    let present = values.iter().map(|value| i16::from(value.is_some())).collect();
    (values.iter().flatten().map(value).collect(), present)
}

fn append<D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    values: &[D::T],
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns".to_owned()));
    };
    column.typed::<D>().write_batch(values, present, None)?;
    column.close()
}

/// Maximum number of rows: a day of 72 rounds with a thousand of them each for every one of two hundred providers.
const MAX_ROWS: usize = 1 << 24;

/// A file whose columns can be read.
pub(crate) struct Reader {
    file: SerializedFileReader<Bytes>,
}

impl Reader {
    /// Reads the file's footer.
    ///
    /// # Errors
    /// The problem with the file.
    pub(crate) fn open(file: Vec<u8>) -> Result<Self, String> {
        let file = without_panic(|| SerializedFileReader::new(Bytes::from(file)))?
            .map_err(|error| error.to_string())?;
        let rows = file.metadata().row_groups().iter().map(|group| group.num_rows());
        let rows = rows.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
        let rows = rows.fold(0, usize::saturating_add);
        if rows > MAX_ROWS {
            return Err(format!(
                "the file has {rows} rows, more than the maximum of {MAX_ROWS}"
            ));
        }
        Ok(Self { file })
    }

    /// Reads a whole text column.
    ///
    /// # Errors
    /// If the column does not exist, is not text, or contains nulls.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let is_text = |column: &ColumnDescriptor| {
            column.physical_type() == Physical::BYTE_ARRAY && column.converted_type() == ConvertedType::UTF8
        };
        let at = self.column(name, "text", is_text)?;
        let values = self.values::<ByteArrayType>(name, at, |reader| match reader {
            ColumnReader::ByteArrayColumnReader(reader) => Some(reader),
            _ => None,
        })?;
        let texts = values.iter().map(|text| text.as_utf8().map(str::to_owned));
        texts
            .collect::<Result<_, _>>()
            .map_err(|error| format!("column `{name}`: {error}"))
    }

    /// Reads a whole column of unsigned 64-bit integers.
    ///
    /// # Errors
    /// If the column does not exist, has another type, or contains nulls.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<u64>, String> {
        let is_number = |column: &ColumnDescriptor| {
            column.physical_type() == Physical::INT64 && column.converted_type() == ConvertedType::UINT_64
        };
        let at = self.column(name, "unsigned 64-bit integers", is_number)?;
        let values = self.values::<Int64Type>(name, at, |reader| match reader {
            ColumnReader::Int64ColumnReader(reader) => Some(reader),
            _ => None,
        })?;
        Ok(values.into_iter().map(i64::cast_unsigned).collect())
    }

    fn column(
        &self,
        name: &str,
        kind: &str,
        fits: impl Fn(&ColumnDescriptor) -> bool,
    ) -> Result<usize, String> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let columns = schema.columns().iter();
        let (at, column) = columns
            .enumerate()
            .find(|(_, column)| column.path().parts() == [name])
            .ok_or_else(|| format!("column `{name}` does not exist"))?;
        if !fits(column) || column.max_rep_level() > 0 {
            return Err(format!("column `{name}` does not contain {kind}"));
        }
        Ok(at)
    }

    fn values<D: DataType>(
        &self,
        name: &str,
        at: usize,
        typed: impl Fn(ColumnReader) -> Option<ColumnReaderImpl<D>>,
    ) -> Result<Vec<D::T>, String> {
        let explain = |error: ParquetError| format!("column `{name}`: {error}");
        let mut all = Vec::new();
        for group in 0..self.file.num_row_groups() {
            let group = self.file.get_row_group(group).map_err(explain)?;
            let rows = usize::try_from(group.metadata().num_rows())
                .map_err(|_| "the file has a negative number of rows".to_owned())?;
            let reader = typed(group.get_column_reader(at).map_err(explain)?);
            let mut reader = reader.ok_or_else(|| format!("column `{name}` has another type"))?;
            // Optional columns have a level for each row; rows without a value are absent from the values.
            let mut levels = Vec::new();
            let before = all.len();
            let read = without_panic(|| reader.read_records(rows, Some(&mut levels), None, &mut all));
            let (read, _, _) = read?.map_err(explain)?;
            let (values, nulls) = (all.len() - before, read.saturating_sub(all.len() - before));
            if nulls > 0 {
                return Err(format!("column `{name}` has {nulls} nulls"));
            }
            if values != rows {
                return Err(format!("column `{name}` has {values} of {rows} values"));
            }
        }
        Ok(all)
    }
}

/// Runs code of the library, which panics on some damaged files. What it was working on is not used again.
fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| "the file is damaged".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of an attacker who names them in a catalog: a page of dictionary indices without the dictionary, and row counts
    /// beyond any memory.
    #[test]
    fn hostile_files_are_rejected() {
        for file in [
            &include_bytes!("../fixtures/without-dictionary.parquet")[..],
            include_bytes!("../fixtures/too-many-values.parquet"),
        ] {
            let read = Reader::open(file.to_vec()).and_then(|reader| {
                let names: Vec<String> = {
                    let schema = reader.file.metadata().file_metadata().schema_descr();
                    schema
                        .columns()
                        .iter()
                        .map(|column| column.name().to_owned())
                        .collect()
                };
                for name in names {
                    reader
                        .texts(&name)
                        .map(drop)
                        .or_else(|_| reader.numbers(&name).map(drop))?;
                }
                Ok(())
            });
            assert!(read.is_err());
        }
    }

    fn file() -> Vec<u8> {
        write(&[
            Column {
                name: "name",
                values: Values::Text(vec!["a", "ä", ""]),
            },
            Column {
                name: "day",
                values: Values::OptionalText(vec![Some("d".to_owned()), None, None]),
            },
            Column {
                name: "count",
                values: Values::Number(vec![0, u64::MAX, 1]),
            },
            Column {
                name: "most",
                values: Values::OptionalNumber(vec![Some(1), Some(2), Some(3)]),
            },
            Column {
                name: "rate",
                values: Values::OptionalRate(vec![None, Some(0.5), None]),
            },
        ])
        .unwrap()
    }

    #[test]
    fn columns_come_back() {
        let reader = Reader::open(file()).unwrap();
        assert_eq!(reader.texts("name").unwrap(), ["a", "ä", ""]);
        assert_eq!(reader.numbers("count").unwrap(), [0, u64::MAX, 1]);
        assert_eq!(reader.numbers("most").unwrap(), [1, 2, 3]);
    }

    #[test]
    fn errors_name_the_unexpected_column() {
        let reader = Reader::open(file()).unwrap();
        for (refused, message) in [
            (reader.texts("id").map(drop), "column `id` does not exist"),
            (reader.texts("day").map(drop), "column `day` has 2 nulls"),
            (
                reader.numbers("name").map(drop),
                "column `name` does not contain unsigned 64-bit integers",
            ),
            (
                reader.texts("rate").map(drop),
                "column `rate` does not contain text",
            ),
        ] {
            assert_eq!(refused.unwrap_err(), message);
        }
    }
}
