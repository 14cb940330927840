//! The sanitiser against four corpora. The first is made in `corpus/`, family by family and place by place; the others were written
//! without sight of the tables: what agents and tools print (`corpus/wild`), what public scanners know (`corpus/scanners`), and what blind rounds of
//! attack left over (`corpus/blind`). All secrets are generated from public descriptions of their families, from fixed seeds.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "../../corpus/families.rs"]
mod families;
#[path = "../../corpus/harmless.rs"]
mod harmless;
#[path = "../../corpus/places.rs"]
mod places;
#[path = "../../corpus/tools.rs"]
mod tools;

mod corpus;
mod wild;
