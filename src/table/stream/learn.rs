//! The encoding of a table that is read in pieces: what [`Encoding::learn`] makes of all of its rows, step by step.

use super::super::{
    Encoding, EncodingOptions, Missing, Notice, Result, Role, Table, TableError, TargetKind,
    cells::Cells,
    encoding::{Column, Encoder},
    learn::{check_enough, select_inputs},
    target::class_error,
};
use super::{
    ParquetTable, StreamOptions,
    source::{Piece, Source},
    survey::{Columns, Extent, Survey},
};

/// Passes over the pieces until it is known which columns and rows take part.
pub(super) fn learn(
    source: Source,
    mut pieces: Vec<Piece>,
    options: &EncodingOptions,
    stream: StreamOptions,
) -> Result<ParquetTable> {
    let head = source.head()?;
    let columns = select(&head, options)?;
    let mut notices = Vec::new();
    let (mut survey, kept, columns) = drop_constant(&source, &pieces, &head, columns, options, &mut notices)?;
    let target = encode_target(&head, &columns, &mut survey)?;
    if let Some(error) = survey.exposure.as_mut().and_then(|column| column.trouble.take()) {
        return Err(error);
    }
    if survey.inputs.is_empty() {
        let reason = "every column is constant on the training rows or dropped";
        return Err(TableError::NoInputs {
            path: head.path().into(),
            target: options.target.clone(),
            reason,
        });
    }
    let mut inputs = Vec::with_capacity(survey.inputs.len());
    for column in &mut survey.inputs {
        if let Some(error) = column.trouble.take() {
            return Err(error);
        }
        let encoder = match column.complete {
            Extent::Times(first, _) => Encoder::Hours { origin_microseconds: first },
            _ => Encoder::numeric(column.kind),
        };
        inputs.push(Column { name: head.column_names()[column.position].clone(), encoder });
    }
    let target = Column { name: options.target.clone(), encoder: target };
    let encoding = Encoding::new(target, options.exposure.clone(), inputs, options.missing)?;
    let missing = survey.missing();
    if !missing.is_empty() {
        notices.push(Notice::DroppedRows {
            path: head.path().into(),
            dropped: survey.passed - survey.complete,
            rows: survey.passed,
            columns: missing,
        });
    }
    pieces.iter_mut().zip(kept).for_each(|(piece, kept)| piece.kept = kept);
    pieces.retain(|piece| piece.kept > 0);
    Ok(ParquetTable {
        source,
        encoding,
        columns: columns.positions(),
        pieces,
        survey,
        notices,
        options: stream,
    })
}

/// The columns asked for, all of which can be read in pieces.
fn select(head: &Table, options: &EncodingOptions) -> Result<Columns> {
    let target = head.position(&options.target, Role::Target)?;
    let exposure = options.exposure.as_ref().map(|name| head.position(name, Role::Exposure)).transpose()?;
    let inputs = select_inputs(head, options, target, exposure)?;
    let columns = Columns { inputs, target, target_kind: options.target_kind, exposure };
    for position in columns.positions() {
        if let Cells::Text(_) = head.cells(position)? {
            let column = head.column_names()[position].clone();
            return Err(TableError::StreamedText { path: head.path().into(), column });
        }
    }
    Ok(columns)
}

/// Removes input columns that are constant, and surveys the rows where all others have a value; with the number of
/// complete rows of each piece.
///
/// A column that lacks values and is removed brings rows back, which takes another pass; others do not.
fn drop_constant(
    source: &Source,
    pieces: &[Piece],
    head: &Table,
    mut columns: Columns,
    options: &EncodingOptions,
    notices: &mut Vec<Notice>,
) -> Result<(Survey, Vec<usize>, Columns)> {
    let (mut survey, mut kept) = Survey::of(source, pieces, &columns)?;
    let missing = survey.missing();
    if options.missing == Missing::Error && !missing.is_empty() {
        return Err(TableError::Missing { path: head.path().into(), columns: missing });
    }
    check_enough(head, survey.labelled)?;
    let name = |position: usize| head.column_names()[position].clone();
    let (mut empty, mut constant) = (Vec::new(), Vec::new());
    let mut is_outdated = false;
    survey.inputs.retain(|column| {
        if column.labelled == Extent::Nothing {
            empty.push(name(column.position));
        } else if column.labelled.is_constant() {
            constant.push(name(column.position));
        } else {
            return true;
        }
        is_outdated |= column.missing.is_some();
        false
    });
    loop {
        columns.inputs = survey.inputs.iter().map(|column| column.position).collect();
        if is_outdated {
            (survey, kept) = Survey::of(source, pieces, &columns)?;
        }
        if survey.complete == 0 {
            return Err(TableError::NoCompleteRows { path: head.path().into() });
        }
        check_enough(head, survey.complete)?;
        is_outdated = false;
        survey.inputs.retain(|column| {
            let is_constant = column.complete.is_constant();
            if is_constant {
                constant.push(name(column.position));
                is_outdated |= column.missing.is_some();
            }
            !is_constant
        });
        if !is_outdated {
            break;
        }
    }
    columns.inputs = survey.inputs.iter().map(|column| column.position).collect();
    if !empty.is_empty() {
        notices.push(Notice::EmptyColumns { columns: empty });
    }
    if !constant.is_empty() {
        notices.push(Notice::ConstantColumns { columns: constant });
    }
    Ok((survey, kept, columns))
}

fn encode_target(head: &Table, columns: &Columns, survey: &mut Survey) -> Result<Encoder> {
    let target = &mut survey.target;
    if let Some(error) = target.trouble.take() {
        return Err(error);
    }
    match columns.target_kind {
        TargetKind::Classes => {
            let levels = std::mem::take(&mut survey.levels);
            let classes = levels.classes(head, target.kind, survey.complete);
            classes.map(Encoder::Classes).map_err(|problem| class_error(head, columns.target, problem))
        }
        TargetKind::Number if target.complete.is_constant() => Err(TableError::TargetConstant {
            path: head.path().into(),
            column: head.column_names()[columns.target].clone(),
            value: target.range().0,
            rows: survey.complete,
        }),
        TargetKind::Number => Ok(Encoder::numeric(target.kind)),
    }
}
