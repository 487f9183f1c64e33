//! KQL: tree, parser, printer.

pub mod ast;
