//! Tables in Markdown, whose columns stand under each other in a terminal too.

/// A table with its first column to the left and the others to the right.
pub(super) fn table<H, R, C>(head: impl IntoIterator<Item = H>, rows: impl IntoIterator<Item = R>) -> String
where
    H: Into<String>,
    R: IntoIterator<Item = C>,
    C: Into<String>,
{
    let mut lines: Vec<Vec<String>> = vec![head.into_iter().map(Into::into).collect()];
    lines.extend(
        rows.into_iter()
            .map(|row| row.into_iter().map(Into::into).collect()),
    );
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let cell = |line: &[String], column: usize| line.get(column).cloned().unwrap_or_default();
    // Three dashes are the least that every Markdown takes for a rule.
    let width = |column| {
        lines
            .iter()
            .map(|line| cell(line, column).chars().count())
            .fold(3, usize::max)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let written = |line: &[String]| -> String {
        let cells = widths.iter().enumerate().map(|(column, width)| {
            let cell = cell(line, column);
            if column == 0 {
                format!("| {cell:<width$} ")
            } else {
                format!("| {cell:>width$} ")
            }
        });
        cells.chain(["|\n".to_owned()]).collect()
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let end = if column == 0 { "-" } else { ":" };
        format!("|{}{end}", "-".repeat(width + 1))
    });
    let rule: String = rule.chain(["|\n".to_owned()]).collect();
    let mut lines = lines.iter();
    let head = lines.next().map(|line| written(line));
    head.into_iter()
        .chain([rule])
        .chain(lines.map(|line| written(line)))
        .collect()
}
