//! What fuzzing has gathered, looked at again: each kept input still holds what `fuzz/README.md` says of it.

#[path = "../../fuzz/checks/interpolation.rs"]
mod interpolation;
#[path = "../../fuzz/checks/tree.rs"]
mod tree;
#[path = "../../fuzz/checks/user_data.rs"]
mod user_data;

use std::path::Path;

use libmachine::report::configuration::{Places, toml, yaml};

fn kept(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).expect("a folder").collect();
    assert!(files.len() > 20, "{target} has only {} inputs", files.len());
    files.into_iter().map(|file| std::fs::read(file.expect("a file").path()).expect("bytes"))
}

fn texts(target: &str) -> impl Iterator<Item = String> {
    kept(target).filter_map(|bytes| String::from_utf8(bytes).ok())
}

#[test]
fn every_kept_yaml_text_is_read_back_as_it_was() {
    texts("yaml").for_each(|text| tree::check("x.yaml", &text, |settings| Some(yaml(settings, &Places::new()))));
}

#[test]
fn every_kept_toml_text_is_read_back_as_it_was() {
    texts("toml").for_each(|text| tree::check("x.toml", &text, |settings| toml(settings, &Places::new())));
}

#[test]
fn every_kept_value_is_filled_in_or_told() {
    texts("interpolation").for_each(|text| interpolation::check(&text));
}

#[test]
fn every_kept_user_data_goes_to_a_machine_as_it_is() {
    kept("user_data").for_each(|bytes| user_data::check(&bytes));
}
