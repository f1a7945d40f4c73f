//! `coracle capabilities`: what a guest may ask of this host, made from the list of capabilities.

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_capabilities::ALL;
use coracle_engine::{Capability, Interface};
use serde_json::{Value, json};

use crate::capability_page::versions;
use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Output, Style, Table};
use crate::refusal::refuse;

/// `coracle capabilities`.
pub(crate) struct Capabilities;

#[derive(Debug, Clone, Args)]
struct Arguments {
    /// Tell everything about this capability
    name: Option<String>,

    /// List the interfaces of all capabilities, with their versions
    #[arg(long, conflicts_with = "name")]
    interfaces: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What stands in place of a key where nothing has to be granted.
const FREE: &str = "nothing, it is free";

const HELP: &str = "\
Examples:
  coracle capabilities                what there is
  coracle capabilities key-value      one of them: interfaces, how to grant it, what happens without
  coracle capabilities --interfaces   everything that a component may import
  coracle capabilities --json
";

impl Command for Capabilities {
    fn name(&self) -> &'static str {
        "capabilities"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("capabilities", "List what components may be granted", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        let chosen: Vec<_> = ALL.iter().filter(|it| arguments.name.as_deref().is_none_or(|name| it.name() == name)).collect();
        if chosen.is_empty() {
            let known: Vec<_> = ALL.iter().map(|capability| format!("`{}`", capability.name())).collect();
            return refuse(
                format!("there is no capability `{}`", arguments.name.unwrap_or_default()),
                format!("there are {}", known.join(", ")),
            );
        }
        match (arguments.json, arguments.name.is_some()) {
            (true, _) => context.output.json(&chosen.iter().map(|capability| as_json(**capability)).collect()),
            (false, true) => chosen.iter().for_each(|capability| print_one(context.output, **capability)),
            (false, false) if arguments.interfaces => print_interfaces(context.output),
            (false, false) => print_all(context.output),
        }
        Ok(Exit::Ok)
    }
}

fn print_all(output: Output) {
    let mut table = Table::new(&["capability", "backends", "what it is"]);
    for capability in ALL {
        let about = capability.about();
        let backends = if about.backends.is_empty() { "-".to_owned() } else { about.backends.join(", ") };
        table.row([capability.name(), &backends, about.summary]);
    }
    output.table(&table);
}

fn print_interfaces(output: Output) {
    let mut table = Table::new(&["interface", "versions", "granted by", "capability"]);
    for capability in ALL {
        for interface in capability.interfaces() {
            let granted_by = interface.granted_by.unwrap_or(FREE);
            table.row([interface.name, &versions(interface), granted_by, capability.name()]);
        }
    }
    output.table(&table);
}

fn print_one(output: Output, capability: &dyn Capability) {
    let about = capability.about();
    output.line(format_args!("{}: {}", output.style(capability.name(), Style::Bold), about.summary));
    if !about.example.is_empty() {
        output.line("\nGranted by:");
        about.example.lines().for_each(|line| output.line(format_args!("  {line}").to_string().trim_end()));
    }
    if !about.denied.is_empty() {
        output.line(format_args!("\nWithout a grant: {}", about.denied));
    }
    if !about.backends.is_empty() {
        output.line(format_args!("\nBackends: {}", about.backends.join(", ")));
    }
    for table in capability.tables() {
        output.line(format_args!("\n{} in the runtime configuration: {}", output.style(table.header, Style::Bold), table.about));
        table.example.lines().for_each(|line| output.line(format_args!("  {line}").to_string().trim_end()));
    }
    let bounds = capability.bounds();
    if !bounds.is_empty() {
        let mut table = Table::new(&["bound", "at most"]);
        bounds.into_iter().for_each(|bound| table.row([bound.what.to_owned(), bound.most]));
        output.line("");
        output.table(&table);
    }
    let mut table = Table::new(&["interface", "versions", "granted by"]);
    for interface in capability.interfaces() {
        table.row([interface.name.to_owned(), versions(interface), interface.granted_by.unwrap_or(FREE).to_owned()]);
    }
    if !table.is_empty() {
        output.line("");
        output.table(&table);
    }
}

fn as_json(capability: &dyn Capability) -> Value {
    let about = capability.about();
    let interface = |it: &Interface| json!({ "name": it.name, "versions": it.versions, "granted_by": it.granted_by });
    json!({
        "name": capability.name(),
        "summary": about.summary,
        "example": about.example,
        "denied": about.denied,
        "backends": about.backends,
        "example_app": capability.example_app(),
        "tables": capability.tables().iter().map(|it| json!({ "header": it.header, "about": it.about, "example": it.example })).collect::<Vec<_>>(),
        "bounds": capability.bounds().iter().map(|it| json!({ "what": it.what, "most": it.most })).collect::<Vec<_>>(),
        "interfaces": capability.interfaces().iter().map(interface).collect::<Vec<_>>(),
    })
}
