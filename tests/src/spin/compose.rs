//! Joins an application with its dependencies the way Spin reads `[component.feed.dependencies]`: each fills the import
//! that it is named for, none fills another's, and one that inherits nothing finds the host's capabilities denied.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

/// The name under which the host denies SQLite.
pub const DENIED_SQLITE: &str = "denied:sqlite/sqlite@3.1.0";
const SQLITE: &str = "spin:sqlite/sqlite@3.1.0";

/// One line of `[component.feed.dependencies]`.
pub struct Dependency {
    /// An interface, like `activity:log/event-log@0.1.0`, or a package, like `activity:log@0.1.0`.
    pub name: &'static str,
    /// The component.
    pub wasm: Vec<u8>,
    /// `inherit_configuration`.
    pub inherits: bool,
}

/// One component out of all.
///
/// # Errors
/// Something does not fit.
pub fn compose(application: &[u8], dependencies: &[Dependency]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let package = Package::from_bytes("the:application", None, application, graph.types_mut())?;
    let package = graph.register_package(package)?;
    let application = graph.instantiate(package);
    let imports: Vec<String> = graph.types()[graph[package].ty()].imports.keys().cloned().collect();
    let mut denied = None;
    for (index, dependency) in dependencies.iter().enumerate() {
        let name = format!("dependency:number{index}");
        let package = Package::from_bytes(&name, None, dependency.wasm.as_slice(), graph.types_mut())?;
        let package = graph.register_package(package)?;
        let instance = graph.instantiate(package);
        let wants_sqlite = graph.types()[graph[package].ty()].imports.get(SQLITE).copied();
        if let (Some(kind), false) = (wants_sqlite, dependency.inherits) {
            let denied = match denied {
                Some(denied) => denied,
                None => *denied.insert(graph.import(DENIED_SQLITE, kind)?),
            };
            graph.set_instantiation_argument(instance, SQLITE, denied)?;
        }
        let filled: Vec<&String> = imports.iter().filter(|import| fills(dependency.name, import)).collect();
        anyhow::ensure!(!filled.is_empty(), "the application imports nothing of {}", dependency.name);
        for import in filled {
            let export = graph.alias_instance_export(instance, import)?;
            graph.set_instantiation_argument(application, import, export)?;
        }
    }
    let handler = "wasi:http/handler@0.3.0";
    let export = graph.alias_instance_export(application, handler)?;
    graph.export(export, handler)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

/// Whether a dependency of this name is for this import: the interface itself, or any of the package.
fn fills(name: &str, import: &str) -> bool {
    let package = |text: &str| -> Option<(String, String)> {
        let (before, version) = text.split_once('@')?;
        let package = before.split_once('/').map_or(before, |(package, _)| package);
        Some((package.to_owned(), version.to_owned()))
    };
    name == import || (!name.contains('/') && package(name) == package(import))
}
