//! What a machine is made of: which driver can do what.

use libmachine::desired::capability::{APART, BOOT, support};
use libmachine::provider::DRIVERS;
use libmachine::schema;
use libmachine::value::{Path, Value};

/// The settings of a machine, names of things as `*`.
fn settings(schema: &Value, at: &Path, found: &mut Vec<Path>) {
    let before = found.len();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        settings(property, &at.join(key), found);
    }
    if schema["additionalProperties"].is_object() {
        settings(&schema["additionalProperties"], &at.join("*"), found);
    }
    if found.len() == before {
        found.push(at.clone());
    }
}

#[test]
fn every_driver_says_how_it_takes_every_setting_of_a_machine() {
    let mut known = Vec::new();
    settings(&schema::machinefile(&[])["properties"]["defaults"], &Path::root(), &mut known);
    let (disk, model) = (Path::parse("resources.disks.*.wipe-on-boot"), Path::parse("resources.nic.*.model"));
    assert!(known.contains(&disk) && known.contains(&model), "the schema is read: {known:?}");
    let drivers: Vec<_> = known.iter().filter(|path| !APART.iter().any(|apart| path.starts_with(apart))).collect();
    for driver in DRIVERS {
        let silent: Vec<_> = drivers.iter().filter(|path| support(driver.capabilities, path, BOOT).is_none()).collect();
        assert!(
            silent.is_empty(),
            "add to the capabilities of `{}`, or to `capability::APART` if no driver sees it: {silent:?}",
            driver.name
        );
    }
}

#[test]
fn no_driver_speaks_of_a_setting_that_is_none() {
    let mut known = Vec::new();
    settings(&schema::machinefile(&[])["properties"]["defaults"], &Path::root(), &mut known);
    for driver in DRIVERS {
        for row in driver.capabilities {
            let setting = Path::parse(&row.setting.replace(BOOT, "*"));
            let names_one = known.iter().any(|path| path == &setting || path.keys().starts_with(setting.keys()));
            assert!(names_one, "`{}` of `{}` is no setting", row.setting, driver.name);
        }
    }
}
