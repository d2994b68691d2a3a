//! Keys as people read them.

use chunkwise_gateway::store::{Key, MicroDollars, UnixMillis};

use super::Known;
use crate::moment::moment;
use crate::render::{bytes, result, shown};

/// Dollars with cents, and with what is below a cent only where there is any.
pub(super) fn money(amount: MicroDollars) -> String {
    let exact = amount.to_string();
    let cents = exact.len() - 4;
    let (cents, below) = exact.split_at(cents);
    format!("{cents}{}", below.trim_end_matches('0'))
}

pub(super) fn name(key: &Key) -> String {
    format!("{} ({})", key.id, shown(&key.label))
}

/// Every column as wide as its widest cell; numbers to the right.
fn columns(head: &[&str], right: &[usize], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        result(padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(head.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

fn when(at: UnixMillis) -> String {
    let millis = u64::try_from(at.get()).unwrap_or_default();
    moment(chunkwise::core::Timestamp::from_secs(millis / 1_000))
}

fn balance(known: &Known) -> String {
    known.available().map_or_else(|| "metered".to_owned(), money)
}

pub(super) fn keys(keys: &[Known]) {
    let rows: Vec<_> = keys
        .iter()
        .map(|known| {
            let key = &known.key;
            let never = || "never".to_owned();
            vec![
                key.id.to_string(),
                shown(&key.label),
                known.state().to_owned(),
                balance(known),
                when(key.created_at),
                key.last_used_at.map_or_else(never, when),
                key.expires_at.map_or_else(never, when),
            ]
        })
        .collect();
    columns(&["id", "label", "state", "balance", "created", "last used", "expires"], &[3], &rows);
}

pub(super) fn usage(keys: &[Known]) {
    let rows: Vec<_> = keys
        .iter()
        .map(|known| {
            vec![
                known.key.id.to_string(),
                shown(&known.key.label),
                known.usage.settled.count.to_string(),
                money(known.usage.settled.amount),
                known.usage.refunded.count.to_string(),
                money(known.balance.reserved),
                bytes(known.usage.bytes),
                balance(known),
            ]
        })
        .collect();
    let head = ["id", "label", "calls", "charged", "refunded", "reserved", "media", "balance"];
    columns(&head, &[2, 3, 4, 5, 6, 7], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_always_and_less_only_where_there_is_less() {
        for (micros, shown) in [
            (5_000_000, "$5.00"),
            (250_000, "$0.25"),
            (1_000, "$0.001"),
            (-1_500_001, "-$1.500001"),
            (0, "$0.00"),
        ] {
            assert_eq!(money(MicroDollars::new(micros)), shown);
        }
    }
}
