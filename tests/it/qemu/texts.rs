//! What a plan shows of the user-data that a machine was given.

use libmachine::cloud_init::outgoing;
use libmachine::desired::Machine;
use libmachine::resource::{Observation, Shown, Text, diff};

use super::{World, debian};

#[tokio::test]
async fn a_plan_shows_which_lines_of_the_user_data_change_and_nothing_of_ours() {
    let world = World::new();
    let with = |text: &str| Machine { user_data: outgoing("a", text.as_bytes()).unwrap(), ..debian() };
    let before = "#cloud-config\nruncmd: [one]\npassword: hunter1\n";
    let cx = world.context();
    world.resource(&with(before), "qemu.seed/web").create(&cx).await.unwrap();
    let after = world.resource(&with(&before.replace("one", "two")), "qemu.seed/web");
    let Observation::Present(seen) = after.read(&cx).await else { panic!("it was made") };
    let texts = after.texts(&diff(after.desired(), &seen), &cx).await;
    let [Text { path, shown: Shown::Lines { before, after, covered: false } }] = &texts[..] else {
        panic!("{texts:?}")
    };
    assert_eq!(
        (path.to_string().as_str(), before.as_str()),
        ("user-data", "#cloud-config\nruncmd: [one]\npassword: ***\n")
    );
    assert_eq!(after, "#cloud-config\nruncmd: [two]\npassword: ***\n");
}
