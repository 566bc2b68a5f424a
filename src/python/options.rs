//! Shows the table of constants to Python, which makes its enums from it: there is no second list there.

use pyo3::prelude::*;

use crate::constants;
use crate::options::Kind;

/// A group, a name in it, its number and, for an option, its value's type: `int`, `int64`, `bytes` or `fd`.
type Row = (&'static str, &'static str, i32, Option<&'static str>);

/// Every constant as (group, name, number, kind), in the order in which the enums of `brokerless.constants` list them.
///
/// `kind` is the type of a socket option's value ("int", "int64", "bytes", "fd"), and None for what is no option.
#[pyfunction]
pub fn constants_table() -> Vec<Row> {
    let row = |row: constants::Row| (row.0, row.1, row.2, row.3.map(Kind::name));
    constants::rows().into_iter().map(row).collect()
}
